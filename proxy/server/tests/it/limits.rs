use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Manner, Origin, Raw, Request};

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn edge(origin: &Origin, listener: &str, limits: &str, route: &str) -> Edge {
    Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0'{listener} }}]
        limits: {{ {limits} }}
        routes: [{{ name: all, to: origin{route} }}, {{ name: small, when: {{ path: /small }}, to: origin, body: 4B }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ))
}

#[track_caller]
fn answer_to(address: SocketAddr, sent: &[u8]) -> String {
    let mut raw = Raw::connect(address).unwrap();
    raw.send(sent).unwrap();
    String::from_utf8_lossy(&raw.answer(super::SOON).unwrap()).into_owned()
}

#[test]
fn bodies_that_are_too_large_are_refused_by_their_length_and_by_what_comes() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin, "", "body: 10B", "");
    assert_eq!(edge.request(Request::post("/", "0123456789")).echo().body_length, 10);
    for client in [Client::to(edge.address()), Client::h2c(edge.address())] {
        assert_eq!(client.request(Request::post("/", "0123456789a")).status(), 413);
        assert_eq!(client.request(Request::post("/small", "01234")).status(), 413);
    }
    let asked = origin.requests();
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n";
    let answer = answer_to(edge.address(), chunked);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let line = edge.wait_for_access(|line| line["failure"] == "the request body is too large", super::SOON);
    assert_eq!(line["status"], 413);
    assert!(origin.requests() <= asked + 1);
    assert_eq!(edge.request(Request::post("/", "0123456789")).echo().body_length, 10);
}

#[test]
fn more_exchanges_than_there_may_be_are_told_to_come_back() {
    let origin = Origin::behaving(Manner::saying("hello").slow(Duration::from_secs(2)));
    let edge = edge(&origin, "", "exchanges: 2", "");
    let mut slow: Vec<_> = (0..2).map(|_| Raw::connect(edge.address()).unwrap()).collect();
    for raw in &mut slow {
        raw.send(GET).unwrap();
    }
    while origin.requests() < 2 {
        std::thread::yield_now();
    }
    let refused = edge.get("/refused");
    assert_eq!(refused.status(), 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(edge.ask(Request::get("/healthz")).status(), 200);
    assert_eq!(super::metric(&edge, "edgeloom_exchanges_refused_total"), 1);
    assert_eq!(super::line_about(&edge, "/refused")["failure"], "the edge has its hands full");
    for mut raw in slow {
        assert!(raw.answer(super::SOON).unwrap().starts_with(b"HTTP/1.1 200 "));
    }
    assert_eq!(edge.get("/").status(), 200);
}

#[test]
fn a_connection_has_so_many_requests_and_so_much_time() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin, "", "requests_per_connection: 2, head: 200ms, keepalive: 400ms", "");
    let mut raw = Raw::connect(edge.address()).unwrap();
    raw.send(GET).unwrap();
    assert!(!String::from_utf8_lossy(&raw.answer(super::SOON).unwrap()).contains("close"));
    raw.send(GET).unwrap();
    let last = raw.to_end(super::SOON).unwrap().expect("it should be closed");
    assert!(String::from_utf8_lossy(&last).to_lowercase().contains("connection: close"));

    let mut silent = Raw::connect(edge.address()).unwrap();
    let began = Instant::now();
    assert_eq!(silent.to_end(super::SOON).unwrap().as_deref(), Some(&b""[..]));
    assert!(began.elapsed() >= Duration::from_millis(390));
    let mut slow = Raw::connect(edge.address()).unwrap();
    slow.send(b"GET / HT").unwrap();
    let answer = slow.to_end(super::SOON).unwrap().expect("it should be closed");
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
    edge.wait_for_access(|line| line["failure"] == "the request head did not come in time", super::SOON);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin, "", "body_idle: 300ms", "");
    let answer =
        answer_to(edge.address(), b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(super::line_about(&edge, "/slow")["failure"], "the client took too long");
}

#[test]
fn a_trusted_proxy_announces_its_clients() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin, ", proxy_protocol: any, trust: ['127.0.0.1']", "connections_per_client: 2", "");
    let text = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n";
    let answer = answer_to(edge.address(), &[&text[..], GET].concat());
    assert!(answer.contains("\"203.0.113.7\""), "{answer}");
    let line = super::line_about(&edge, "/x");
    assert_eq!((&line["client"], &line["peer"]), (&"203.0.113.7".into(), &"203.0.113.7:4711".into()));
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x08\xc0\0\x02\x01\x12\x67\x01\xbb";
    assert!(answer_to(edge.address(), &[&binary[..], GET].concat()).contains("\"203.0.113.8\""));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    assert!(answer_to(edge.address(), &[&local[..], GET].concat()).contains("\"127.0.0.1\""));

    for nothing in [GET, b"PROXY TCP4 nonsense\r\n"] {
        assert_eq!(answer_to(edge.address(), nothing), "");
    }
    assert_eq!(super::metric(&edge, "edgeloom_connections_turned_away_total{reason=\"not_announced\"}"), 2);

    let held: Vec<_> = (0..3)
        .map(|_| {
            let mut raw = Raw::connect(edge.address()).unwrap();
            raw.send(&[&b"PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\n"[..], GET].concat()).unwrap();
            (raw.answer(super::SOON).unwrap(), raw)
        })
        .collect();
    let answered = held.iter().filter(|(answer, _)| answer.starts_with(b"HTTP/1.1 200")).count();
    assert_eq!(answered, 2);
    assert_eq!(
        super::metric(&edge, "edgeloom_connections_turned_away_total{reason=\"connections_per_client\"}"),
        1
    );
}

#[test]
fn a_stranger_announces_nobody() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin, ", proxy_protocol: v1, trust: ['10.0.0.0/8']", "", "");
    assert_eq!(answer_to(edge.address(), &[b"PROXY TCP4 1.2.3.4 1.2.3.5 1 2\r\n", GET].concat()), "");
    assert_eq!(super::metric(&edge, "edgeloom_connections_turned_away_total{reason=\"not_trusted\"}"), 1);
}

#[test]
fn connections_beyond_their_number_are_closed() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin, "", "connections: 2", "");
    let mut held: Vec<_> = (0..2).map(|_| Raw::connect(edge.address()).unwrap()).collect();
    for raw in &mut held {
        raw.send(GET).unwrap();
        assert!(raw.answer(super::SOON).unwrap().starts_with(b"HTTP/1.1 200 "));
    }
    assert_eq!(answer_to(edge.address(), GET), "");
    assert_eq!(super::metric(&edge, "edgeloom_connections_turned_away_total{reason=\"connections\"}"), 1);
}

#[test]
fn a_unix_socket_is_listened_on_and_removed() {
    let origin = Origin::echo("origin");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.sock");
    let edge = Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0' }}, {{ bind: 'unix:{}', trust: ['127.0.0.1'] }}]
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        path.display(),
        origin.address()
    ));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream
        .write_all(
            b"GET /unix HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(super::line_about(&edge, "/unix")["client"], "203.0.113.9");
    edge.stop();
    assert!(!path.exists());
}
