use std::time::Duration;

use edgeloom_testbed::{Client, Edge, Launch, Origin, Raw, Request};

fn edge(origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ))
}

fn status(answer: &[u8]) -> &str {
    std::str::from_utf8(answer).unwrap().lines().next().unwrap_or_default()
}

#[test]
fn heads_that_are_too_large_are_refused_and_logged() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let long = format!("/{}", "x".repeat(9000));
    assert_eq!(edge.get(&long).status(), 414);
    assert_eq!(edge.request(Request::get("/large").header("x-large", "x".repeat(13_000))).status(), 431);
    let many = (0..120).fold(Request::get("/many"), |request, n| request.header(&format!("x-{n}"), "x"));
    let refused = edge.request(many);
    assert_eq!((refused.status(), refused.first_line()), (431, "The request's headers are too large."));
    assert_eq!(refused.header("server"), None);
    let line = super::line_about(&edge, "/many");
    assert_eq!((&line["status"], &line["route"]), (&431.into(), &().into()));
    assert_eq!(line["failure"], "the request head is too large");
    assert_eq!(origin.requests(), 0);
    // The connection has been good for the next request each time.
    assert_eq!(edge.get("/").text(), "hello");
}

#[test]
fn both_protocols_are_spoken_on_one_listener() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let request = || Request::get("/a?b=c").host("Shop.Example:8080").cookie("a", "1").cookie("b", "2");
    let h1 = edge.request(request()).echo();
    let h2 = Client::h2c(edge.address()).request(request()).echo();
    for asked in [h1, h2] {
        assert_eq!((asked.path.as_str(), asked.version.as_str()), ("/a?b=c", "HTTP/1.1"));
        assert_eq!(asked.host.as_ref().map(|host| host.to_lowercase()).as_deref(), Some("shop.example:8080"));
        assert_eq!(asked.header_all("cookie"), ["a=1; b=2"]);
    }
}

#[test]
fn http2_can_be_switched_off() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', h2c: false }}]
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ));
    assert_eq!(edge.get("/").text(), "hello");
    assert!(Client::h2c(edge.address()).attempt(Request::get("/")).is_err());
}

#[test]
fn a_short_request_of_http_1_0_is_answered() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let answer = Client::to(edge.address()).send_raw(b"GET / HTTP/1.0\r\n\r\n");
    assert!(status(&answer).ends_with(" 200 OK"), "{}", status(&answer));
    assert!(answer.ends_with(b"hello"));
}

#[test]
fn a_request_right_behind_another_is_answered_after_it() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut raw = Raw::connect(edge.address()).unwrap();
    raw.send(b"GET /one HTTP/1.1\r\nhost: a\r\n\r\nGET /two HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    for path in ["/one", "/two"] {
        let answer = String::from_utf8(raw.answer(super::SOON).unwrap()).unwrap();
        assert!(answer.contains(&format!("\"path\": \"{path}\"")), "{answer}");
    }
}

#[test]
fn the_absolute_form_names_the_host() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let answer = Client::to(edge.address()).send_raw(b"GET http://shop.example/cart?a=b HTTP/1.0\r\n\r\n");
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.contains("\"path\": \"/cart?a=b\"") && answer.contains("\"host\": \"shop.example\""),
        "{answer}"
    );
    assert_eq!(super::line_about(&edge, "/cart?a=b")["host"], "shop.example");
}

#[test]
fn what_is_no_request_is_refused_and_the_edge_goes_on() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    for bytes in [
        &b"nonsense\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n",
    ] {
        let answer = Client::to(edge.address()).send_raw(bytes);
        assert!(status(&answer).contains(" 400 "), "{}: {}", bytes.escape_ascii(), status(&answer));
        assert!(!String::from_utf8_lossy(&answer).to_lowercase().contains("server:"));
    }
    let answer = Client::to(edge.address()).send_raw(b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n");
    assert!(status(&answer).contains(" 405 "), "{}", status(&answer));
    let line = edge.wait_for_access(|line| line["status"] == 405, super::SOON);
    assert_eq!(line["failure"], "CONNECT is not served");
    assert_eq!(edge.access().at_least(6, super::SOON).iter().filter(|line| line["status"] == 400).count(), 5);
    assert_eq!(super::metric(&edge, "edgeloom_exchanges_total{route=\"\",status=\"4xx\"}"), 6);
    assert_eq!((edge.get("/").text(), origin.requests()), ("hello", 1));
}

#[test]
fn a_body_reaches_the_origin_whole() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let body = vec![b'x'; 3 * 1024 * 1024];
    assert_eq!(edge.request(Request::post("/body", body.clone())).echo().body_length, body.len());
    assert_eq!(super::line_about(&edge, "/body")["bytes_in"], body.len());
    assert_eq!(
        Client::h2c(edge.address()).request(Request::post("/h2", body.clone())).echo().body_length,
        body.len()
    );
}

#[test]
fn a_head_request_is_answered_without_a_body() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let response = edge.request(Request::new("HEAD", "/"));
    assert_eq!((response.status(), response.header("content-length"), response.text()), (200, Some("5"), ""));
    let missing = Launch::yaml("routes: []\nclusters: { a: { endpoints: ['127.0.0.1:1'] } }").start();
    let Ok(edge) = missing else { return };
    let response = edge.request(Request::new("HEAD", "/"));
    assert_eq!((response.status(), response.text()), (404, ""));
}

#[test]
fn a_client_that_sends_nothing_does_not_keep_the_edge_from_ending() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let _silent = Raw::connect(edge.address()).unwrap();
    let mut halfway = Raw::connect(edge.address()).unwrap();
    halfway.send(b"GET / HTTP/1.1\r\nho").unwrap();
    assert_eq!(edge.get("/").text(), "hello");
    let stopped = edge.stop();
    assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{stopped:?}");
}

/// A connection is waited on in one place while nothing of the next request can be there, and in
/// another where it can: a client must not see the difference.
#[test]
fn requests_follow_each_other_on_a_connection_however_they_come() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let head = "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n";
    // What is sent, and how many answers that brings.
    let cases: [(&str, Vec<(String, usize)>); 7] = [
        ("one by one", vec![(get("/1"), 1), (get("/2"), 1), (get("/3"), 1)]),
        ("two at once", vec![(get("/1") + &get("/2"), 2), (get("/3"), 1)]),
        (
            "the second in pieces",
            vec![
                (get("/1") + "GET /2 HT", 1),
                ("TP/1.1\r\nhost: a\r\n\r".into(), 0),
                ("\n".into(), 1),
                (get("/3"), 1),
            ],
        ),
        ("after a body", vec![(format!("{head}body"), 1), (get("/2"), 1), (get("/3"), 1)]),
        ("behind a body", vec![(format!("{head}body{}", get("/2")), 2), (get("/3"), 1)]),
        (
            "after a body in pieces",
            vec![(format!("{head}bo"), 0), ("dy".into(), 1), (get("/2"), 1), (get("/3"), 1)],
        ),
        ("after empty lines", vec![("\r\n\r\n".into(), 0), (get("/1"), 1), (get("/2"), 1), (get("/3"), 1)]),
    ];
    for (how, pieces) in cases {
        let mut client = Raw::connect(edge.address()).unwrap();
        let mut answered = 0;
        for (piece, answers) in pieces {
            client.send(piece.as_bytes()).unwrap();
            for _ in 0..answers {
                answered += 1;
                let answer = client.answer(Duration::from_secs(10)).unwrap();
                let text = String::from_utf8_lossy(&answer);
                assert_eq!(status(&answer), "HTTP/1.1 200 OK", "{how}: {text}");
                assert!(text.contains(&format!("\"/{answered}\"")), "{how}: {text}");
            }
        }
        assert_eq!(answered, 3, "{how}");
    }
}
