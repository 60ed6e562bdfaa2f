use edgeloom_testbed::{Client, Edge, Origin, Request};

fn edge(listener: &str, origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        listeners: [{listener}]
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ))
}

#[test]
fn a_strangers_forwarding_headers_are_replaced() {
    let origin = Origin::echo("origin");
    let edge = edge("{ bind: '127.0.0.1:0' }", &origin);
    let request = Request::get("/")
        .host("shop.example")
        .forwarded_for("203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-server", "forged")
        .header("x-request-id", "forged");
    let asked = edge.request(request).echo();
    assert_eq!(asked.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(asked.header("x-forwarded-proto"), Some("http"));
    assert_eq!(asked.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(asked.header("x-forwarded-port"), Some(&*edge.address().port().to_string()));
    assert_eq!((asked.header("forwarded"), asked.header("x-forwarded-server")), (None, None));
    let line = super::line_about(&edge, "/");
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(asked.header("x-request-id"), line["id"].as_str());
    assert_ne!(line["id"], "forged");
}

#[test]
fn a_trusted_proxy_speaks_for_its_client() {
    let origin = Origin::echo("origin");
    let edge = edge("{ bind: '127.0.0.1:0', trust: ['127.0.0.0/8', '10.0.0.0/8'] }", &origin);
    let request = Request::get("/")
        .forwarded_for("198.51.100.1, 203.0.113.7, 10.1.2.3")
        .header("x-forwarded-proto", "https")
        .header("x-request-id", "trace-1");
    let asked = edge.request(request).echo();
    assert_eq!(asked.header("x-forwarded-for"), Some("198.51.100.1, 203.0.113.7, 10.1.2.3, 127.0.0.1"));
    assert_eq!(asked.header("x-forwarded-proto"), Some("https"));
    let line = super::line_about(&edge, "/");
    assert_eq!((&line["client"], &line["id"]), (&"203.0.113.7".into(), &"trace-1".into()));
}

#[test]
fn the_forwarded_header_of_rfc_7239_can_be_the_one_that_is_believed() {
    let origin = Origin::echo("origin");
    let edge = edge("{ bind: '127.0.0.1:0', trust: ['127.0.0.1'], forwarded: forwarded }", &origin);
    let request = Request::get("/")
        .forwarded_for("192.0.2.99")
        .host("shop.example")
        .header("forwarded", "for=\"[2001:db8::7]:4711\";proto=https");
    let asked = edge.request(request).echo();
    assert_eq!(
        asked.header("forwarded"),
        Some("for=\"[2001:db8::7]:4711\";proto=https, for=127.0.0.1;host=\"shop.example\";proto=http")
    );
    assert_eq!(super::line_about(&edge, "/")["client"], "2001:db8::7");
}

#[test]
fn trust_is_a_listeners_own() {
    let origin = Origin::echo("origin");
    let edge = edge("{ bind: '127.0.0.1:0' }, { bind: '127.0.0.1:0', trust: ['127.0.0.1'] }", &origin);
    for (address, client, path) in
        [(edge.addresses()[0], "127.0.0.1", "/outer"), (edge.addresses()[1], "203.0.113.7", "/inner")]
    {
        Client::to(address).request(Request::get(path).forwarded_for("203.0.113.7"));
        assert_eq!(super::line_about(&edge, path)["client"], client);
    }
}

#[test]
fn a_listener_says_of_clients_what_its_operator_wants() {
    let origin = Origin::echo("origin");
    let edge = edge(
        "{ bind: '127.0.0.1:0', trust: ['127.0.0.1'], forwarding: { x_forwarded_for: replace, x_forwarded_proto: off,
           x_forwarded_host: replace, x_forwarded_port: off, forwarded: replace, request_id: make } }",
        &origin,
    );
    let request = Request::get("/")
        .host("inner.example")
        .forwarded_for("203.0.113.7, 127.0.0.1")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example")
        .header("x-request-id", "theirs");
    let asked = edge.request(request).echo();
    assert_eq!(asked.header_all("x-forwarded-for"), ["203.0.113.7"]);
    assert_eq!((asked.header("x-forwarded-proto"), asked.header("x-forwarded-port")), (None, None));
    assert_eq!(asked.header("x-forwarded-host"), Some("inner.example"));
    assert_eq!(asked.header("forwarded"), Some("for=203.0.113.7;host=\"inner.example\";proto=https"));
    let line = super::line_about(&edge, "/");
    assert_eq!(asked.header("x-request-id"), line["id"].as_str());
    assert_ne!(line["id"], "theirs");
}

#[test]
fn the_edge_is_a_span_of_the_traces_it_takes_part_in() {
    let origin = Origin::echo("origin");
    let edge = edge(
        "{ bind: '127.0.0.1:0', forwarding: { traceparent: anybody } }, { bind: '127.0.0.1:0' }",
        &origin,
    );
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let sent = format!("00-{trace}-b7ad6b7169203331-01");
    let traced = |path| Request::get(path).header("traceparent", &sent).header("tracestate", "vendor=1");
    let asked = edge.request(traced("/joined")).echo();
    let line = super::line_about(&edge, "/joined");
    assert_eq!(line["trace"], trace);
    let span = line["span"].as_str().unwrap();
    assert_ne!(span, "b7ad6b7169203331");
    assert_eq!(asked.header("traceparent"), Some(&*format!("00-{trace}-{span}-01")));
    assert_eq!(asked.header("tracestate"), Some("vendor=1"));

    let malformed = Request::get("/begun").header("traceparent", "00-0-0-0").header("tracestate", "vendor=1");
    let asked = edge.request(malformed).echo();
    let line = super::line_about(&edge, "/begun");
    let begun = format!("00-{}-{}-01", line["trace"].as_str().unwrap(), line["span"].as_str().unwrap());
    assert_eq!((asked.header("traceparent"), asked.header("tracestate")), (Some(&*begun), None));

    let asked = Client::to(edge.addresses()[1]).request(traced("/untouched")).echo();
    assert_eq!(asked.header("traceparent"), Some(&*sent));
    assert_eq!(super::line_about(&edge, "/untouched").get("trace"), None);
}
