use edgeloom_testbed::{Client, Edge, Manner, Origin};

#[test]
fn the_chain_is_passed_backwards_on_the_way_out() {
    let origin = Origin::behaving(
        Manner::saying("hello").with_header("server", "origin/1").with_header("x-powered-by", "x"),
    );
    let edge = Edge::start(&format!(
        "
        filters:
          outer: {{ module: headers, settings: {{ response: {{ remove: [server, x-powered-by], append: {{ x-order: outer }} }} }} }}
          inner: {{ module: headers, settings: {{ response: {{ append: {{ x-order: inner }} }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [outer, inner], to: origin }}]
        ",
        origin.address()
    ));
    for response in [edge.get("/"), Client::h2c(edge.address()).get("/")] {
        assert_eq!((response.header("server"), response.header("x-powered-by")), (None, None));
        assert_eq!(response.header_all("x-order").join(", "), "inner, outer");
        assert_eq!(response.text(), "hello");
    }
    let line = super::line_about(&edge, "/");
    let calls = line["chain"].as_array().unwrap().iter();
    let calls: Vec<_> =
        calls.map(|call| (call["filter"].as_str().unwrap(), call["phase"].as_str().unwrap())).collect();
    assert_eq!(
        calls,
        [("outer", "request"), ("inner", "request"), ("inner", "response"), ("outer", "response")]
    );
}

#[test]
fn what_a_filter_remembers_reaches_its_response_phase() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        filters: {{ mark: {{ module: headers, settings: {{ response: {{ set: {{ x-asked: '${{request.id}}' }} }} }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [mark], to: origin }}]
        ",
        origin.address()
    ));
    let response = edge.get("/");
    assert_eq!(response.header("x-asked"), super::line_about(&edge, "/")["id"].as_str());
}

#[test]
fn answers_of_our_own_pass_the_filters_too() {
    let edge = Edge::start(
        "
        filters: { secure: { module: headers, settings: { security: {} } } }
        clusters: { gone: { endpoints: ['127.0.0.1:1'] } }
        routes: [{ name: all, filters: [secure], to: gone }]
        ",
    );
    let response = edge.get("/");
    assert_eq!((response.status(), response.header("x-content-type-options")), (502, Some("nosniff")));
    assert_eq!(response.first_line(), "The server could not be reached.");
}

#[test]
fn responses_without_a_body_stay_without_one() {
    for status in [204, 304] {
        let origin = Origin::behaving(Manner::saying("").with_status(status));
        let edge = Edge::start(&format!(
            "
            filters: {{ mark: {{ module: headers, settings: {{ response: {{ set: {{ x-mark: 'yes' }} }} }} }} }}
            clusters: {{ origin: {{ endpoints: ['{}'] }} }}
            routes: [{{ name: all, filters: [mark], to: origin }}]
            ",
            origin.address()
        ));
        for _ in 0..2 {
            let response = edge.get("/");
            assert_eq!(
                (response.status(), response.header("x-mark"), response.text()),
                (status, Some("yes"), "")
            );
        }
    }
}
