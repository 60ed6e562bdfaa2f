use std::time::Duration;

use edgeloom_testbed::{Authority, Edge, Manner, Order, Origin, OriginTls, Request};
use serde_json::Value;
use tempfile::TempDir;

use super::{metric, said};

fn edge(cluster: &str) -> Edge {
    Edge::start(&format!("clusters: {{ shop: {{ {cluster} }} }}\nroutes: [{{ name: all, to: shop }}]"))
}

fn both(one: &Origin, other: &Origin) -> String {
    format!("endpoints: ['{}', '{}']", one.address(), other.address())
}

/// What the admin listener says of an endpoint.
fn endpoint(edge: &Edge, origin: &Origin) -> Value {
    let clusters: Value = edge.ask(Request::get("/v1/clusters")).json();
    let endpoints = clusters[0]["endpoints"].as_array().unwrap();
    let address = origin.address().to_string();
    endpoints.iter().find(|endpoint| endpoint["address"] == address).unwrap().clone()
}

/// As often as it is asked, nobody but this one answers.
#[track_caller]
fn alone(edge: &Edge, name: &str) {
    for _ in 0..10 {
        assert_eq!(edge.get("/").echo().origin.as_deref(), Some(name));
    }
}

#[test]
fn an_unwell_endpoint_is_passed_over_until_it_is_well_again() {
    let (one, other) = (Origin::echo("one"), Origin::echo("other"));
    let edge = edge(&format!(
        "{}, health: {{ http: /health, interval: 20ms, unhealthy_after: 2 }}",
        both(&one, &other)
    ));
    one.change_status(500);
    let line = said(&edge, &format!("endpoint {} is unwell", one.address()));
    assert_eq!((&line["cluster"], &line["reason"]), (&"shop".into(), &"it answered with status 500".into()));
    alone(&edge, "other");
    let seen = endpoint(&edge, &one);
    assert_eq!((&seen["state"], &seen["reason"]), (&"unwell".into(), &"it answered with status 500".into()));
    let healthy = |origin: &Origin| {
        let labels = format!("{{cluster=\"shop\",endpoint=\"{}\"}}", origin.address());
        metric(&edge, &format!("edgeloom_endpoint_healthy{labels}"))
    };
    assert_eq!((healthy(&one), healthy(&other)), (0, 1));

    one.change_status(204);
    said(&edge, &format!("endpoint {} is well again", one.address()));
    let before = one.requests();
    one.change_status(200);
    (0..4).for_each(|_| assert_eq!(edge.get("/asked").status(), 200));
    assert!(one.requests() >= before + 2);
    assert_eq!(endpoint(&edge, &one)["state"], "well");
}

#[test]
fn a_check_asks_for_what_it_is_told_to_and_looks_at_what_it_gets() {
    let origin = Origin::behaving(Manner::echo().with_status(201));
    let check = "path: '/health?deep=1', host: shop.example, status: [201, 3xx]";
    for (body, well) in
        [("user-agent", true), ("deep=1", true), ("shop.example", true), ("no such thing", false)]
    {
        let edge = edge(&format!(
            "endpoints: ['{}'], health: {{ http: {{ {check}, body: '{body}' }}, interval: 20ms, healthy_after: 1 }}",
            origin.address()
        ));
        let asked = origin.requests();
        if well {
            while origin.requests() < asked + 3 {
                std::thread::yield_now();
            }
            assert_eq!(endpoint(&edge, &origin)["state"], "well", "{body}");
        } else {
            let line = said(&edge, "endpoint");
            assert_eq!(line["reason"], format!("its answer does not hold `{body}`"));
        }
    }
}

#[test]
fn an_endpoint_that_nothing_listens_at_is_found_before_a_request_is_sent_there() {
    let origin = Origin::echo("there");
    let edge =
        edge(&format!("endpoints: ['127.0.0.1:1', '{}'], health: connect, retries: 0", origin.address()));
    let line = said(&edge, "endpoint 127.0.0.1:1 is unwell");
    assert!(line["reason"].as_str().unwrap().starts_with("it could not be connected to"), "{line}");
    alone(&edge, "there");
}

#[test]
fn an_endpoint_that_does_not_answer_a_check_in_time_is_unwell() {
    let (slow, quick) =
        (Origin::behaving(Manner::echo().named("slow").slow(Duration::from_secs(30))), Origin::echo("quick"));
    let edge =
        edge(&format!("{}, health: {{ http: /, timeout: 50ms, interval: 20ms }}", both(&slow, &quick)));
    let line = said(&edge, &format!("endpoint {} is unwell", slow.address()));
    assert_eq!(line["reason"], "it did not answer within 50ms");
    alone(&edge, "quick");
}

#[test]
fn checks_are_made_over_the_connections_that_requests_are_sent_on() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let certificate = authority.issue(&Order::server(&["shop.example"]));
    let secure = Origin::secure(Manner::echo().named("secure"), &OriginTls::showing(&certificate));
    let tls = |name| format!("tls: {{ name: {name}, ca: {} }}", ca.display());
    let plain = Origin::echo("plain");
    for (origin, how, version) in [
        (&secure, tls("shop.example"), "HTTP/1.1"),
        (&secure, format!("{}, protocol: auto", tls("shop.example")), "HTTP/2.0"),
        (&plain, "protocol: http2".to_owned(), "HTTP/2.0"),
        (&plain, String::new(), "HTTP/1.1"),
    ] {
        let asked = origin.requests();
        let check = format!("{{ path: /health, host: shop.example, body: '{version}' }}");
        let edge = edge(&format!(
            "endpoints: ['{}'], health: {{ http: {check}, interval: 20ms }}, {how}",
            origin.address()
        ));
        while origin.requests() < asked + 3 {
            std::thread::yield_now();
        }
        assert_eq!(endpoint(&edge, origin)["state"], "well", "{how}");
        assert_eq!(edge.get("/").status(), 200);
    }
    for health in ["connect", "{ http: / }"] {
        let edge =
            edge(&format!("endpoints: ['{}'], health: {health}, {}", secure.address(), tls("other.example")));
        let line = said(&edge, "endpoint");
        assert!(line["reason"].as_str().unwrap().starts_with("it could not be connected to"), "{line}");
    }
}

#[test]
fn what_is_known_of_an_endpoint_survives_a_swap() {
    let (one, other) = (Origin::echo("one"), Origin::echo("other"));
    let edge = edge(&format!("{}, health: {{ http: /health, interval: 20ms }}", both(&one, &other)));
    one.change_status(503);
    said(&edge, &format!("endpoint {} is unwell", one.address()));
    edge.edit(|yaml| yaml.replace("name: all", "name: everything"));
    assert_eq!(edge.reload().status(), 200);
    alone(&edge, "other");
    let unwell = format!("endpoint {} is unwell", one.address());
    let told = edge.log().all();
    let told =
        told.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(&unwell)));
    assert_eq!(told.count(), 1, "it was known before");

    // Where nobody checks any more, nobody is unwell.
    edge.edit(|yaml| yaml.replace("health: { http: /health, interval: 20ms }", "health: off"));
    assert_eq!(edge.reload().status(), 200);
    assert_eq!(endpoint(&edge, &one)["state"], "well");
}

#[test]
fn nobody_is_checked_once_their_cluster_is_gone() {
    let (gone, stays) = (Origin::echo("gone"), Origin::echo("stays"));
    let health = "health: { http: /health, interval: 20ms }";
    let edge = Edge::start(&format!(
        "clusters: {{ old: {{ endpoints: ['{}'], {health} }}, new: {{ endpoints: ['{}'], {health} }} }}
routes: [{{ name: all, to: new }}]",
        gone.address(),
        stays.address()
    ));
    let checked = |origin: &Origin, more: u64| {
        let before = origin.requests();
        while origin.requests() < before + more {
            std::thread::yield_now();
        }
    };
    checked(&gone, 2);
    edge.edit(|yaml| yaml.replace(&format!("old: {{ endpoints: ['{}'], {health} }}, ", gone.address()), ""));
    assert_eq!(edge.reload().status(), 200);
    // One check may have been under way.
    checked(&stays, 3);
    let asked = gone.requests();
    checked(&stays, 10);
    assert_eq!(gone.requests(), asked);
}

#[test]
fn where_hardly_anybody_is_well_all_are_asked() {
    let origin = Origin::echo("only");
    origin.change_status(500);
    let edge =
        edge(&format!("endpoints: ['{}'], health: {{ http: /health, interval: 20ms }}", origin.address()));
    said(&edge, "endpoint");
    origin.change_status(200);
    let edge_answers = edge.get("/").status();
    assert_eq!(edge_answers, 200);
}
