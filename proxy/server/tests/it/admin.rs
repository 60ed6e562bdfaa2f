use edgeloom_testbed::{Edge, Launch, Origin, Request};
use serde_json::Value;

fn edge(origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        filters:
          mark:
            module: headers
            deadline: 7ms
            on_fault: skip
            instances: {{ reuse: 4 }}
            settings: {{ request: {{ set: {{ x-mark: one }} }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [mark], to: origin }}]
        ",
        origin.address()
    ))
}

#[test]
fn the_operator_sees_what_runs() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    for (path, body) in [("/healthz", "alive\n"), ("/readyz", "ready\n")] {
        let response = edge.ask(Request::get(path));
        assert_eq!((response.status(), response.text()), (200, body));
    }
    let generation: Value = edge.ask(Request::get("/v1/generation")).json();
    assert_eq!((&generation["number"], &generation["draining"]), (&1.into(), &Value::Array(Vec::new())));
    let filter = &generation["filters"][0];
    for (field, value) in [
        ("name", "mark"),
        ("module", "headers"),
        ("deadline", "7ms"),
        ("memory", "8MiB"),
        ("on_fault", "skip"),
        ("instances", "reuse 4"),
    ] {
        assert_eq!(filter[field], value);
    }
    assert_eq!(filter["instances_made"], 0);
    assert!(filter["settings_memory"].as_str().is_some_and(|memory| memory.ends_with('B')), "{filter}");
    assert_eq!(filter["phases"], serde_json::json!(["request", "response"]));
    assert_eq!(filter["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn metrics_count_what_happens() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    for _ in 0..5 {
        edge.get("/");
    }
    // An exchange is counted when it is logged, after its answer.
    edge.access().at_least(5, super::SOON);
    let count = |name: &str| super::metric(&edge, name);
    assert_eq!(count("edgeloom_exchanges_total{route=\"all\",status=\"2xx\"}"), 5);
    assert_eq!(count("edgeloom_exchange_duration_seconds_count{route=\"all\"}"), 5);
    assert_eq!(count("edgeloom_chain_duration_seconds_count{route=\"all\"}"), 5);
    assert_eq!(count("edgeloom_filter_call_duration_seconds_count{filter=\"mark\",phase=\"request\"}"), 5);
    assert_eq!(count("edgeloom_generation"), 1);
    // And it ends after that.
    super::wait_for_gauge(&edge, "edgeloom_exchanges_open", 0);
}

#[test]
fn other_paths_and_methods_are_answered_with_what_there_is() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let index = edge.ask(Request::get("/"));
    assert!(index.status() == 200 && index.text().contains("/v1/reload"));
    assert_eq!(edge.ask(Request::get("/nothing")).status(), 404);
    let reload = edge.ask(Request::get("/v1/reload"));
    assert_eq!((reload.status(), reload.header("allow")), (405, Some("POST")));
    assert_eq!(edge.ask(Request::post("/healthz", "")).status(), 405);
    let forged = Request::post("/v1/reload", "").header("origin", "https://evil.example");
    assert_eq!(edge.ask(forged).status(), 403);
    assert_eq!(super::metric(&edge, "edgeloom_generation"), 1);
}

#[test]
fn the_admin_listener_can_be_switched_off() {
    let origin = Origin::saying("hello");
    let edge = Launch::yaml(&format!(
        "
        admin: off
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        origin.address()
    ))
    .start()
    .unwrap();
    assert_eq!(edge.get("/").text(), "hello");
    assert!(!edge.log().all().iter().any(|line| line["message"] == "admin listening"));
}
