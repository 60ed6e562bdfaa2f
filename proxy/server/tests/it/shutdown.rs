use std::time::Duration;

use edgeloom_testbed::{Client, Edge, Frame, Frames, Manner, Origin, Raw, Request};

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
fn a_swap_while_it_drains_keeps_it_from_nothing() {
    let origin = slow();
    let edge = edge("30s", &origin);
    std::thread::scope(|threads| {
        let open = threads.spawn(|| edge.get("/"));
        asked(&origin, 1);
        edge.terminate();
        super::said(&edge, "shutting down");
        assert_eq!(edge.reload().status(), 200);
        assert_eq!(open.join().unwrap().text(), "hello");
    });
    let stopped = edge.ended(super::SOON).unwrap();
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
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
        // There is nobody to wait for any more, but there is time to say so.
        let response = open.join().unwrap().unwrap();
        assert_eq!((response.status(), response.header("connection")), (503, Some("close")));
        assert_eq!(response.first_line(), "Everything here is being shut down. Try again soon.");
    });
    assert_eq!(super::said(&edge, "1 exchanges were cut off")["cut_off"], 1);
}

/// Whatever they wait for, each of them ends and is logged.
#[test]
fn exchanges_that_are_cut_off_are_remembered() {
    let (hung, large) = (
        Origin::behaving(Manner::saying("hello").slow(Duration::from_secs(60))),
        Origin::behaving(Manner::measuring()),
    );
    let edge = Edge::start(&format!(
        "
        drain: 200ms
        listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
        clusters:
          hung: {{ endpoints: ['{hung}'] }}
          shared: {{ endpoints: ['{hung}'], protocol: http2 }}
          full: {{ endpoints: ['{hung}'], limits: {{ requests: 1, waiting: 1, wait: 1m }} }}
          large: {{ endpoints: ['{large}'] }}
        routes:
          - {{ name: shared, when: {{ path: /shared/* }}, to: shared }}
          - {{ name: full, when: {{ path: /full/* }}, to: full }}
          - {{ name: large, when: {{ path: /large/* }}, to: large }}
          - {{ name: hung, to: hung }}
        ",
        hung = hung.address(),
        large = large.address(),
    ));
    let ask = |head: &str| {
        let mut client = Raw::connect(edge.address()).unwrap();
        client.send(format!("{head}\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
        client
    };
    let paths = ["/waits", "/sends", "/shared/waits", "/full/inside", "/stream", "/shared/stream"];
    let mut answered =
        [ask("GET /waits HTTP/1.1"), ask("GET /shared/waits HTTP/1.1"), ask("GET /full/inside HTTP/1.1")];
    let mut sends = ask("POST /sends HTTP/1.1\r\ncontent-length: 10");
    sends.send(b"hello").unwrap();
    let mut streams = Frames::connect(edge.address()).unwrap();
    for (stream, path) in [(1, "/stream"), (3, "/shared/stream")] {
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a")];
        streams.send(&Frame::request(stream, &fields)).unwrap();
    }
    asked(&hung, 6);
    let mut queued = ask("GET /full/queued HTTP/1.1");
    super::wait_for_metric(&edge, "edgeloom_cluster_waiting{cluster=\"full\"}", 1);
    // More than all that stands between takes, of a response that nobody reads.
    let unread = ask("GET /large/100000000 HTTP/1.1");
    asked(&large, 1);

    let stopped = edge.stop();
    assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{stopped:?}");
    assert_eq!(super::said(&edge, "8 exchanges were cut off")["cut_off"], 8);
    for client in answered.iter_mut().chain([&mut sends, &mut queued]) {
        let answer = client.answer(super::SOON).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", answer.escape_ascii());
    }
    drop(unread);
    for path in paths.into_iter().chain(["/full/queued", "/large/100000000"]) {
        let line = super::line_about(&edge, path);
        assert_eq!(line["failure"], "a shutdown did not wait any longer", "{line}");
    }
    assert_eq!(super::line_about(&edge, "/large/100000000")["status"], 200);
    assert_eq!(super::line_about(&edge, "/waits")["status"], 503);
    assert_eq!(edge.access_lines().len(), 8);
}

/// While an endpoint is being connected to, nobody listens to the client: the process ends all the same, and says so.
#[test]
fn exchanges_that_can_not_be_ended_are_counted() {
    // It accepts, and never shakes hands.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge::start(&format!(
        "
        drain: 0s
        clusters: {{ origin: {{ endpoints: ['{}'], timeouts: {{ tls: 1m }}, tls: {{ name: a, verify: false }} }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        silent.local_addr().unwrap()
    ));
    let mut client = Raw::connect(edge.address()).unwrap();
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let _connected = silent.accept().unwrap();
    let stopped = edge.stop();
    assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{stopped:?}");
    assert_eq!(super::said(&edge, "1 exchanges were cut off")["cut_off"], 1);
    assert_eq!(super::said(&edge, "1 of them did not end in time")["unlogged"], 1);
    assert!(edge.access_lines().is_empty());
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
        assert_eq!(open.join().unwrap().unwrap().status(), 503);
    });
}
