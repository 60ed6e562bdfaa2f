//! How endpoints are asked that speak HTTP/2: each request has its times, though others share its connection.

mod ends; // how they say that they have said all

use std::net::TcpListener;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Authority, Client, Death, Edge, Manner, Order, Origin, OriginTls, Raw, Request};
use serde_json::json;
use tempfile::TempDir;

use super::{SOON, line_about};

const FOR_EVER: Duration = Duration::from_secs(60);

/// How a cluster speaks HTTP/2, in the clear or in secret.
struct Wire {
    certificate: Option<OriginTls>,
    cluster: String,
    _folder: TempDir,
}

impl Wire {
    fn both() -> [Self; 2] {
        let folder = || TempDir::new().unwrap();
        let plain = Self { certificate: None, cluster: "protocol: http2".to_owned(), _folder: folder() };
        let (authority, folder) = (Authority::new(), folder());
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
        let cluster = format!("protocol: http2, tls: {{ name: shop.example, ca: {} }}", ca.display());
        [plain, Self { certificate: Some(certificate), cluster, _folder: folder }]
    }

    fn origin(&self, manner: Manner) -> Origin {
        match &self.certificate {
            None => Origin::behaving(manner),
            Some(certificate) => Origin::secure(manner, certificate),
        }
    }

    fn edge(&self, origins: &[&Origin], more: &str) -> Edge {
        let endpoints: Vec<_> = origins.iter().map(|origin| format!("'{}'", origin.address())).collect();
        Edge::start(&format!(
            "
            listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
            clusters: {{ shop: {{ endpoints: [{}], {}, eject: off, {more} }} }}
            routes: [{{ name: all, to: shop, body: 16MiB }}]
            ",
            endpoints.join(", "),
            self.cluster
        ))
    }
}

#[test]
fn an_endpoint_that_never_answers_is_a_gateway_timeout() {
    for wire in Wire::both() {
        let hung = wire.origin(Manner::saying("late").slow(FOR_EVER));
        for timeouts in
            ["first_byte: 100ms", "total: 100ms", "read: 100ms", "first_byte: 1m, read: 100ms, total: 200ms"]
        {
            let edge = wire.edge(&[&hung], &format!("retries: 0, timeouts: {{ {timeouts} }}"));
            for (path, client) in [("/1", Client::to(edge.address())), ("/2", Client::h2c(edge.address()))] {
                let began = Instant::now();
                let response = client.request(Request::post(path, "hello"));
                assert_eq!(response.status(), 504, "{timeouts}");
                assert!(began.elapsed() < Duration::from_secs(10), "{timeouts}");
                assert_eq!(line_about(&edge, path)["failure"], "the endpoint took too long", "{timeouts}");
            }
        }
    }
}

#[test]
fn a_first_byte_may_take_longer_than_those_that_follow() {
    for wire in Wire::both() {
        let origin = wire.origin(Manner::saying("at last").slow(Duration::from_millis(500)));
        let edge = wire.edge(&[&origin], "timeouts: { first_byte: 1m, read: 100ms }");
        assert_eq!(edge.get("/").text(), "at last");
    }
}

#[test]
fn another_endpoint_is_asked_where_that_is_allowed() {
    for wire in Wire::both() {
        let hung = wire.origin(Manner::saying("late").slow(FOR_EVER));
        let good = wire.origin(Manner::saying("good"));
        for more in [
            "retries: { on: [timeout], per_try: 100ms }",
            "retries: { on: [timeout] }, timeouts: { first_byte: 100ms }",
        ] {
            let edge = wire.edge(&[&hung, &good], more);
            let began = Instant::now();
            let paths = ["/0", "/1"];
            paths.iter().for_each(|path| assert_eq!(edge.get(path).text(), "good", "{more}"));
            assert!(began.elapsed() < Duration::from_secs(10), "{more}");
            let tried: Vec<_> =
                paths.iter().filter_map(|path| line_about(&edge, path).get("tried").cloned()).collect();
            assert_eq!(tried, [json!([format!("{} took too long", hung.address())])], "{more}");
        }
    }
}

#[test]
fn what_was_sent_goes_along_to_the_other() {
    for wire in Wire::both() {
        let good = wire.origin(Manner::echo());
        for (bad, more) in [
            (
                wire.origin(Manner::saying("late").slow(FOR_EVER)),
                "retries: { on: [timeout], per_try: 200ms }",
            ),
            (wire.origin(Manner::saying("").dying(Death::OnRequest)), "retries: { on: [reset] }"),
            (wire.origin(Manner::saying("no").with_status(503)), "retries: { on: [503] }"),
        ] {
            let edge = wire.edge(&[&bad, &good], more);
            for _ in 0..2 {
                let echo = edge.request(Request::put("/", vec![b'x'; 10_000])).echo();
                assert_eq!((echo.method.as_str(), echo.body_length), ("PUT", 10_000), "{more}");
            }
            assert_eq!(super::metric(&edge, "edgeloom_cluster_retries_total{cluster=\"shop\"}"), 1, "{more}");
        }
    }
}

#[test]
fn a_client_that_is_gone_leaves_nothing_behind() {
    for wire in Wire::both() {
        let hung = wire.origin(Manner::saying("late").slow(FOR_EVER));
        let edge = wire.edge(&[&hung], "limits: { requests: 1 }");
        for n in 1..=3 {
            let mut client = Raw::connect(edge.address()).unwrap();
            client.send(b"GET /gone HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            let deadline = Instant::now() + SOON;
            // There is room for one only, and it has given back its place.
            while hung.requests() < n {
                assert!(Instant::now() < deadline, "the {n}th is not asked");
                std::thread::yield_now();
            }
            drop(client);
            edge.access().at_least(usize::try_from(n).unwrap(), SOON);
        }
        let line = line_about(&edge, "/gone");
        assert_eq!(line["failure"], "the client has gone");
        assert_eq!(hung.connections(), 1, "the connection is as good as before");
    }
}

#[test]
fn a_request_that_is_given_up_takes_no_others_along() {
    for wire in Wire::both() {
        let origin = wire.origin(Manner::saying("in the end").slow(Duration::from_secs(1)));
        let (address, cluster) = (origin.address(), &wire.cluster);
        let edge = Edge::start(&format!(
            "
            clusters:
              patient: {{ endpoints: ['{address}'], {cluster} }}
              hasty: {{ endpoints: ['{address}'], {cluster}, retries: 0, timeouts: {{ first_byte: 100ms }} }}
            routes:
              - {{ name: hasty, when: {{ path: /hasty }}, to: hasty }}
              - {{ name: patient, to: patient }}
            "
        ));
        std::thread::scope(|threads| {
            let patient = threads.spawn(|| Client::to(edge.address()).get("/").text().to_owned());
            let deadline = Instant::now() + SOON;
            while origin.requests() == 0 {
                assert!(Instant::now() < deadline, "nobody asks");
                std::thread::yield_now();
            }
            assert_eq!(edge.get("/hasty").status(), 504);
            assert_eq!(patient.join().unwrap(), "in the end");
        });
        assert_eq!(edge.get("/after").text(), "in the end");
        assert_eq!(origin.connections(), 1, "the connection is as good as before");
    }
}

#[test]
fn a_response_that_stops_is_broken_off() {
    for wire in Wire::both() {
        let silent = wire.origin(Manner::saying("hello").dying(Death::Silent));
        for (timeouts, least) in [
            ("read: 100ms", 100),
            // The first byte came in time.
            ("first_byte: 50ms, read: 400ms", 400),
            ("total: 100ms", 100),
        ] {
            let edge = wire.edge(&[&silent], &format!("timeouts: {{ {timeouts} }}"));
            for (path, client) in [("/1", Client::to(edge.address())), ("/2", Client::h2c(edge.address()))] {
                let began = Instant::now();
                assert!(client.attempt(Request::get(path)).is_err(), "{timeouts}: it is not the whole");
                let took = began.elapsed();
                assert!(took >= Duration::from_millis(least) && took < Duration::from_secs(10), "{took:?}");
                let line = line_about(&edge, path);
                assert_eq!(
                    (&line["status"], &line["failure"]),
                    (&json!(200), &json!("the endpoint took too long"))
                );
            }
        }
    }
}

#[test]
fn an_answer_may_come_before_all_has_been_asked() {
    for wire in Wire::both() {
        // It reads nothing of what it is sent.
        let origin = wire.origin(Manner::saying("no, thank you").with_status(413));
        let edge = wire.edge(&[&origin], "");
        for client in [Client::to(edge.address()), Client::h2c(edge.address())] {
            let path = format!("/{}", origin.requests());
            let response = client.request(Request::post(&path, vec![b'x'; 8 * 1024 * 1024]));
            assert_eq!((response.status(), response.text()), (413, "no, thank you"));
            assert_eq!(line_about(&edge, &path).get("failure"), None, "{path}");
        }
    }
}

/// It is not waited for an endpoint that waits for the rest.
#[test]
fn a_body_that_becomes_too_large_is_refused() {
    for wire in Wire::both() {
        let origin = wire.origin(Manner::echo());
        let edge = Edge::start(&format!(
            "
            clusters: {{ shop: {{ endpoints: ['{}'], {} }} }}
            routes: [{{ name: all, to: shop, body: 10B }}]
            ",
            origin.address(),
            wire.cluster
        ));
        let pieces = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n8\r\nijklmnop\r\n";
        let answer = edge.client().send_raw(pieces);
        assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", answer.escape_ascii());
        assert_eq!(edge.get("/after").status(), 200);
        assert_eq!(origin.connections(), 1, "the connection is as good as before");
    }
}

#[test]
fn an_endpoint_that_does_not_take_what_it_is_sent_is_a_gateway_timeout() {
    for wire in Wire::both() {
        let hung = wire.origin(Manner::saying("late").slow(FOR_EVER));
        let edge = wire.edge(&[&hung], "retries: 0, timeouts: { write: 200ms, read: 1m }");
        for (path, client) in [("/1", Client::to(edge.address())), ("/2", Client::h2c(edge.address()))] {
            let began = Instant::now();
            let response = client.request(Request::post(path, vec![b'x'; 8 * 1024 * 1024]));
            assert_eq!(response.status(), 504);
            assert!(began.elapsed() < Duration::from_secs(10));
            assert_eq!(line_about(&edge, path)["failure"], "the endpoint took too long");
        }
    }
}

#[test]
fn what_is_meant_for_the_edge_is_not_passed_on() {
    for wire in Wire::both() {
        let origin = wire.origin(Manner::echo());
        let edge = wire.edge(&[&origin], "");
        let request =
            || Request::get("/").host("www.shop.example").header("x-hop", "1").header("keep-alive", "1");
        let echo = edge.request(request().header("connection", "keep-alive, X-Hop")).echo();
        assert_eq!(
            (echo.header("connection"), echo.header("x-hop"), echo.header("keep-alive")),
            (None, None, None)
        );
        assert_eq!(echo.host.as_deref(), Some("www.shop.example"));
        let forged = edge.request(request().header("connection", "x-forwarded-for"));
        assert_eq!(forged.status(), 400);
    }
}

#[test]
fn who_does_not_agree_to_it_is_not_asked_in_anything_else() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
    for speaks in [&["http/1.1"][..], &[]] {
        let origin = Origin::secure(Manner::saying("hello"), &certificate.clone().speaking(speaks));
        let edge = |protocol: &str, health: &str| {
            Edge::start(&format!(
                "
                clusters:
                  shop: {{ endpoints: ['{}'], protocol: {protocol}, tls: {{ name: shop.example, ca: {} }}, {health} }}
                routes: [{{ name: all, to: shop }}]
                ",
                origin.address(),
                ca.display()
            ))
        };
        let strict = edge("http2", "health: { http: /health, interval: 20ms }");
        let response = strict.get("/");
        assert_eq!((response.status(), response.first_line()), (502, "The server could not be reached."));
        assert_eq!(line_about(&strict, "/")["failure"], "the endpoint does not speak HTTP/2");
        let unwell = super::said(&strict, &format!("endpoint {} is unwell", origin.address()));
        let reason = unwell["reason"].as_str().unwrap();
        assert!(reason.contains("it does not speak HTTP/2"), "{reason}");
        assert_eq!(origin.requests(), 0);
        assert_eq!(edge("auto", "").get("/").text(), "hello");
    }
}

/// Some agree to HTTP/2 and serve parts of what they have in HTTP/1.1 only (RFC 9113 section 7, `HTTP_1_1_REQUIRED`).
#[test]
fn who_wants_http1_after_all_is_asked_in_it_from_then_on() {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const WANTS_HTTP1: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0xd];
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge::start(&format!(
        "
        clusters:
          shop: {{ endpoints: ['{}'], protocol: auto, tls: {{ name: shop.example, ca: {} }} }}
        routes: [{{ name: all, to: shop }}]
        ",
        listener.local_addr().unwrap(),
        ca.display()
    ));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut http2 = Raw::accept_secure(&listener, &certificate).unwrap();
            http2.until(b"SM\r\n\r\n", SOON).unwrap();
            http2.send(&[SETTINGS, WANTS_HTTP1].concat()).unwrap();
            let mut http1 = Raw::accept_secure(&listener, &certificate).unwrap();
            for _ in 0..2 {
                assert!(http1.until(b"\r\n\r\n", SOON).unwrap().starts_with(b"GET / HTTP/1.1\r\n"));
                http1.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap();
            }
        });
        (0..2).for_each(|_| assert_eq!(edge.get("/").text(), "hello"));
    });
}
