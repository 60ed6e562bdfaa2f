use std::time::Duration;

use edgeloom_testbed::{Client, Edge, Manner, Origin, Request};

fn edge(drain: &str, origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        drain: {drain}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        origin.address()
    ))
}

fn slow() -> Origin {
    Origin::behaving(Manner::saying("hello").slow(Duration::from_millis(700)))
}

/// Waits until the origin has so many requests.
fn asked(origin: &Origin, count: u64) {
    let deadline = std::time::Instant::now() + super::SOON;
    while origin.requests() < count && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(origin.requests(), count);
}

#[test]
fn an_idle_edge_ends_at_once() {
    let origin = Origin::saying("hello");
    let edge = edge("30s", &origin);
    // Connections of both protocols that lie idle.
    assert_eq!(edge.get("/").text(), "hello");
    let h2 = Client::h2c(edge.address());
    assert_eq!(h2.get("/").text(), "hello");
    let stopped = edge.stop();
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.took < Duration::from_secs(3), "{stopped:?}");
}

#[test]
fn open_exchanges_are_waited_for_and_no_longer() {
    let origin = slow();
    let edge = edge("30s", &origin);
    std::thread::scope(|threads| {
        let h1 = threads.spawn(|| edge.get("/"));
        let h2 = threads.spawn(|| Client::h2c(edge.address()).get("/"));
        asked(&origin, 2);
        edge.terminate();
        let line = super::said(&edge, "shutting down");
        assert_eq!(line["open"], 2);
        assert_eq!((h1.join().unwrap().text(), h2.join().unwrap().text()), ("hello", "hello"));
    });
    let stopped = edge.ended(super::SOON).unwrap();
    assert_eq!(stopped.status.code(), Some(0));
    assert!(stopped.took < Duration::from_secs(3), "{stopped:?}");
    assert_eq!(edge.access().at_least(2, super::SOON).len(), 2);
}

#[test]
fn nothing_new_is_accepted_while_it_drains() {
    let origin = slow();
    let edge = edge("30s", &origin);
    std::thread::scope(|threads| {
        let open = threads.spawn(|| edge.get("/"));
        asked(&origin, 1);
        edge.terminate();
        super::said(&edge, "shutting down");
        assert_eq!(edge.ask(Request::get("/readyz")).status(), 503);
        assert_eq!(edge.ask(Request::get("/healthz")).status(), 200);
        let response = open.join().unwrap();
        assert_eq!((response.text(), response.header("connection")), ("hello", Some("close")));
    });
    assert!(edge.ended(super::SOON).unwrap().status.success());
    assert!(Client::to(edge.address()).attempt(Request::get("/")).is_err());
}

#[test]
fn drain_is_the_longest_that_is_waited() {
    let origin = Origin::behaving(Manner::saying("hello").slow(Duration::from_secs(60)));
    let edge = edge("200ms", &origin);
    std::thread::scope(|threads| {
        let open = threads.spawn(|| edge.client().attempt(Request::get("/")));
        asked(&origin, 1);
        let stopped = edge.stop();
        assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{stopped:?}");
        assert!(open.join().unwrap().is_err());
    });
    assert_eq!(super::said(&edge, "1 exchanges were cut off")["cut_off"], 1);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let origin = Origin::behaving(Manner::saying("hello").slow(Duration::from_secs(60)));
    let edge = edge("60s", &origin);
    std::thread::scope(|threads| {
        let open = threads.spawn(|| edge.client().attempt(Request::get("/")));
        asked(&origin, 1);
        edge.terminate();
        super::said(&edge, "shutting down");
        let stopped = edge.stop();
        assert!(stopped.took < Duration::from_secs(5), "{stopped:?}");
        assert!(open.join().unwrap().is_err());
    });
}
