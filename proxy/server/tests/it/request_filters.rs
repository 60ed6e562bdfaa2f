use edgeloom_testbed::{Client, Edge, Origin, Request};

#[test]
fn filters_edit_what_the_origin_is_asked() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&format!(
        "
        filters:
          paths: {{ module: route, settings: {{ rules: [{{ when: {{ path: /shop/* }}, path: {{ strip: /shop }} }}] }} }}
          tidy:
            module: headers
            settings:
              request: {{ remove: [x-internal-*], set: {{ x-client: '${{client.ip}}', x-exchange: '${{request.id}}' }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [paths, tidy], to: origin }}]
        ",
        origin.address()
    ));
    let request =
        || Request::get("/shop/cart?a=b").header("X-Internal-User", "root").forwarded_for("203.0.113.7");
    for response in [edge.request(request()), Client::h2c(edge.address()).request(request())] {
        let asked = response.echo();
        assert_eq!(asked.path, "/cart?a=b");
        assert_eq!(asked.header("x-internal-user"), None);
        assert_eq!(asked.header("x-client"), Some("203.0.113.7"));
        assert_eq!(asked.header("x-exchange"), asked.header("x-request-id"));
    }
    // The log has what the client asked for.
    let line = super::line_about(&edge, "/shop/cart?a=b");
    let calls: Vec<_> = line["chain"].as_array().unwrap().iter().collect();
    assert_eq!((&calls[0]["filter"], &calls[0]["phase"]), (&"paths".into(), &"request".into()));
    assert_eq!((&calls[1]["filter"], &calls[1]["verdict"]), (&"tidy".into(), &"proceed".into()));
}

#[test]
fn a_filter_chooses_the_cluster() {
    let (north, south) = (Origin::echo("north"), Origin::echo("south"));
    let edge = Edge::start(&format!(
        "
        filters:
          nearest:
            module: route
            grants: ['cluster:north']
            settings: {{ rules: [{{ when: {{ headers: {{ x-near: north }} }}, to: north }}] }}
        clusters:
          north: {{ endpoints: ['{}'] }}
          south: {{ endpoints: ['{}'] }}
        routes: [{{ name: all, filters: [nearest], to: south }}]
        ",
        north.address(),
        south.address()
    ));
    assert_eq!(edge.get("/1").echo().origin.as_deref(), Some("south"));
    assert_eq!(
        edge.request(Request::get("/2").header("x-near", "north")).echo().origin.as_deref(),
        Some("north")
    );
    let line = super::line_about(&edge, "/2");
    assert_eq!((&line["cluster"], &line["endpoint"]), (&"north".into(), &north.address().to_string().into()));
}

#[test]
fn a_filter_whose_condition_does_not_hold_is_not_called() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&format!(
        "
        filters: {{ mark: {{ module: headers, settings: {{ request: {{ set: {{ x-mark: 'yes' }} }}, response: {{ set: {{ x-mark: 'yes' }} }} }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [{{ filter: mark, when: {{ path: /marked/* }} }}], to: origin }}]
        ",
        origin.address()
    ));
    let (plain, marked) = (edge.get("/plain"), edge.get("/marked/1"));
    assert_eq!((plain.header("x-mark"), plain.echo().header("x-mark")), (None, None));
    assert_eq!((marked.header("x-mark"), marked.echo().header("x-mark")), (Some("yes"), Some("yes")));
    assert_eq!(super::line_about(&edge, "/plain")["chain"].as_array().unwrap().len(), 0);
    assert_eq!(super::line_about(&edge, "/marked/1")["chain"].as_array().unwrap().len(), 2);
}

#[test]
fn an_answer_ends_the_chain_and_passes_the_filters_before_it() {
    let origin = Origin::echo("origin");
    let mark = "settings: { response: { set: { SEEN: 'yes' } } }";
    let edge = Edge::start(&format!(
        "
        filters:
          before: {{ module: headers, {} }}
          moved: {{ module: route, settings: {{ rules: [{{ when: {{ path: /old/* }}, redirect: {{ to: '/new/{{*}}', status: 308 }} }}] }} }}
          after: {{ module: headers, {} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [before, moved, after], to: origin }}]
        ",
        mark.replace("SEEN", "x-before"),
        mark.replace("SEEN", "x-after"),
        origin.address()
    ));
    let response = edge.get("/old/page");
    assert_eq!((response.status(), response.header("location")), (308, Some("/new/page")));
    assert_eq!((response.header("x-before"), response.header("x-after")), (Some("yes"), None));
    assert_eq!(response.header("server"), None);
    let line = super::line_about(&edge, "/old/page");
    let calls: Vec<_> =
        line["chain"].as_array().unwrap().iter().map(|call| call["filter"].as_str().unwrap()).collect();
    assert_eq!(calls, ["before", "moved", "before"]);
    assert_eq!((&line["chain"][1]["verdict"], &line["endpoint"]), (&"answer".into(), &().into()));
    assert_eq!(origin.requests(), 0);
    assert_eq!(super::metric(&edge, "edgeloom_filter_answers_total{filter=\"moved\"}"), 1);
    // An answer to a request whose body nobody wants.
    let response = edge.request(Request::post("/old/form", "x".repeat(100_000)));
    assert_eq!(response.status(), 308);
    assert_eq!(edge.get("/").status(), 200);
}

#[test]
fn facts_go_from_filter_to_filter_and_to_the_log() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&format!(
        "
        filters:
          split: {{ module: ab, settings: {{ experiments: [{{ name: banner, variants: [{{ name: only }}] }}] }} }}
          tell: {{ module: headers, settings: {{ response: {{ set: {{ x-banner: '${{ab.banner}}' }} }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [split, tell], to: origin }}]
        ",
        origin.address()
    ));
    assert_eq!(edge.get("/").header("x-banner"), Some("only"));
    assert_eq!(super::line_about(&edge, "/")["facts"]["ab.banner"], "only");
}
