//! Copies of requests: what they are, and that nobody waits for them.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use edgeloom_testbed::{Authority, Client, Edge, Manner, Order, Origin, OriginTls, Request};
use tempfile::TempDir;

fn edge(real: &Origin, shadow: &str, share: &str) -> Edge {
    edge_with(real, shadow, share, "http1", "http1")
}

fn edge_with(real: &Origin, shadow: &str, share: &str, of_real: &str, of_shadow: &str) -> Edge {
    Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
        clusters:
          real: {{ endpoints: ['{}'], protocol: {of_real} }}
          shadow: {{ endpoints: ['{shadow}'], protocol: {of_shadow} }}
        routes: [{{ name: all, to: real, mirror: {{ to: shadow{share} }} }}]
        ",
        real.address()
    ))
}

#[track_caller]
fn wait_for(edge: &Edge, outcome: &str, count: u64) {
    super::wait_for_metric(
        edge,
        &format!("edgeloom_mirrored_total{{route=\"all\",outcome=\"{outcome}\"}}"),
        count,
    );
}

/// What was asked on the next connection, up to these bytes.
#[track_caller]
fn asked_of(shadow: &TcpListener, end: &[u8]) -> (TcpStream, String) {
    let (mut stream, _) = shadow.accept().unwrap();
    stream.set_read_timeout(Some(super::SOON)).unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(end) {
        let mut some = [0; 1024];
        let length = stream.read(&mut some).unwrap();
        assert!(length > 0, "{}", asked.escape_ascii());
        asked.extend(&some[..length]);
    }
    (stream, String::from_utf8(asked).unwrap().to_lowercase())
}

#[test]
fn copies_are_sent_and_their_answers_thrown_away() {
    let (real, shadow) = (Origin::echo("real"), Origin::echo("shadow"));
    shadow.change_status(500);
    let edge = edge(&real, &shadow.address().to_string(), "");
    for n in 0..5 {
        let response = edge.get(&format!("/{n}"));
        assert_eq!(response.status(), 200);
        let echo = response.echo();
        assert_eq!((echo.origin.as_deref(), echo.header("x-edgeloom-mirror")), (Some("real"), None));
        let echo = edge.request(Request::post("/form", "a=b")).echo();
        assert_eq!((echo.origin.as_deref(), echo.body_length), (Some("real"), 3));
    }
    wait_for(&edge, "answered", 10);
    assert_eq!((real.requests(), shadow.requests()), (10, 10));
}

#[test]
fn a_copy_is_what_the_endpoint_was_asked() {
    let (real, shadow) = (Origin::echo("real"), TcpListener::bind("127.0.0.1:0").unwrap());
    let edge = edge(&real, &shadow.local_addr().unwrap().to_string(), "");
    let request = Request::post("/a?b=c", "hello").host("shop.example").header("x-own", "1");
    assert_eq!(edge.request(request.clone()).status(), 200);
    let (stream, asked) = asked_of(&shadow, b"hello");
    assert!(asked.starts_with("post /a?b=c http/1.1\r\n"), "{asked}");
    for line in ["host: shop.example", "x-own: 1", "content-length: 5", "x-edgeloom-mirror: all"] {
        assert_eq!(asked.lines().filter(|known| *known == line).count(), 1, "{line}: {asked}");
    }
    drop(stream);
    assert_eq!(Client::h2c(edge.address()).request(request).status(), 200);
    let (stream, asked) = asked_of(&shadow, b"hello");
    assert!(asked.starts_with("post /a?b=c http/1.1\r\n") && asked.contains("host: shop.example"), "{asked}");
    drop(stream);
    // What comes without a length is copied with one.
    let chunked =
        b"POST /c HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
        3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    assert!(Client::to(edge.address()).send_raw(chunked).starts_with(b"HTTP/1.1 200 "));
    let (_stream, asked) = asked_of(&shadow, b"hello");
    assert!(asked.contains("content-length: 5\r\n") && !asked.contains("chunked"), "{asked}");
}

#[test]
fn the_protocols_of_the_two_may_differ() {
    for (of_real, of_shadow) in [("http1", "http2"), ("http2", "http1"), ("http2", "http2")] {
        let (real, shadow) = (Origin::echo("real"), Origin::echo("shadow"));
        let edge = edge_with(&real, &shadow.address().to_string(), "", of_real, of_shadow);
        for client in [Client::h2c(edge.address()), Client::to(edge.address())] {
            assert_eq!(client.get("/a?b=c").status(), 200);
            assert_eq!(client.request(Request::post("/form", "a=b")).echo().body_length, 3);
        }
        wait_for(&edge, "answered", 4);
        assert_eq!(shadow.requests(), 4, "{of_real} {of_shadow}");
    }
}

#[test]
fn nobody_waits_for_a_mirror_that_hangs_or_is_not_there() {
    let real = Origin::echo("real");
    let (hangs, gone) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let [hangs_at, gone_at] = [&hangs, &gone].map(|shadow| shadow.local_addr().unwrap().to_string());
    drop(gone);
    let (silent, absent) = (edge(&real, &hangs_at, ""), edge(&real, &gone_at, ""));
    for edge in [&silent, &absent] {
        let began = Instant::now();
        for _ in 0..150 {
            let response = edge.request(Request::post("/", "hello"));
            assert_eq!((response.status(), response.echo().body_length), (200, 5));
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    }
    wait_for(&absent, "failed", 150);
    // A hundred wait for it, and no more.
    wait_for(&silent, "skipped", 50);
}

#[test]
fn large_bodies_are_not_copied() {
    let (real, shadow) = (Origin::echo("real"), Origin::echo("shadow"));
    let edge = edge(&real, &shadow.address().to_string(), "");
    let post = |size| edge.request(Request::post("/", vec![b'x'; size])).echo().body_length;
    assert_eq!(post(64 * 1024 + 1), 64 * 1024 + 1);
    wait_for(&edge, "skipped", 1);
    assert_eq!(shadow.requests(), 0);
    assert_eq!(post(64 * 1024), 64 * 1024);
    wait_for(&edge, "answered", 1);
    assert_eq!(shadow.requests(), 1);
}

#[test]
fn a_share_is_copied() {
    let (real, shadow) = (Origin::saying("real"), Origin::saying("shadow"));
    let shadow_at = shadow.address().to_string();
    let none = edge(&real, &shadow_at, ", share: 0%");
    for _ in 0..50 {
        assert_eq!(none.get("/").status(), 200);
    }
    let half = edge(&real, &shadow_at, ", share: 50%");
    for _ in 0..400 {
        assert_eq!(half.get("/").status(), 200);
    }
    // Ten standard deviations to either side of two hundred.
    let deadline = Instant::now() + super::SOON;
    while shadow.requests() <= 100 {
        assert!(Instant::now() < deadline, "{}", shadow.requests());
    }
    assert!(shadow.requests() < 300, "{}", shadow.requests());
}

#[test]
fn copies_are_sent_in_secret_where_the_mirror_wants_that() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
    for protocol in ["http1", "http2", "auto"] {
        let (real, shadow) = (Origin::echo("real"), Origin::secure(Manner::echo(), &certificate));
        let mirror = |name: &str| {
            Edge::start(&format!(
                "
                clusters:
                  real: {{ endpoints: ['{}'] }}
                  shadow: {{ endpoints: ['{}'], protocol: {protocol}, tls: {{ name: {name}, ca: {} }} }}
                routes: [{{ name: all, to: real, mirror: {{ to: shadow }} }}]
                ",
                real.address(),
                shadow.address(),
                ca.display()
            ))
        };
        let edge = mirror("shop.example");
        for n in 1..=3 {
            assert_eq!(edge.request(Request::post("/form", "a=b")).echo().body_length, 3, "{protocol}");
            // One after the other, so that each finds the connection of the one before.
            wait_for(&edge, "answered", n);
        }
        assert_eq!((shadow.requests(), shadow.connections()), (3, 1), "{protocol}");
        // Nobody waits for one that can not be trusted, either, and it is told nothing.
        let edge = mirror("other.example");
        assert_eq!(edge.get("/").status(), 200);
        wait_for(&edge, "failed", 1);
        assert_eq!(shadow.requests(), 3);
    }
}

#[test]
fn a_mirror_that_takes_its_time_is_nobody_elses_matter() {
    let pause = Duration::from_millis(700);
    for protocol in ["http1", "http2"] {
        let real = Origin::echo("real");
        let slow = Origin::behaving(Manner::saying("shadow").slow(pause));
        let mirror = |timeouts: &str| {
            Edge::start(&format!(
                "
                clusters:
                  real: {{ endpoints: ['{}'] }}
                  shadow: {{ endpoints: ['{}'], protocol: {protocol}{timeouts} }}
                routes: [{{ name: all, to: real, mirror: {{ to: shadow }} }}]
                ",
                real.address(),
                slow.address()
            ))
        };
        let edge = mirror("");
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(edge.request(Request::post("/", "hello")).echo().body_length, 5);
        }
        assert!(began.elapsed() < 5 * pause, "the client has waited for the mirror: {:?}", began.elapsed());
        wait_for(&edge, "answered", 5);
        // The mirror has the times of its own cluster.
        let edge = mirror(", timeouts: { read: 100ms }");
        assert_eq!(edge.get("/").status(), 200);
        wait_for(&edge, "failed", 1);
    }
}
