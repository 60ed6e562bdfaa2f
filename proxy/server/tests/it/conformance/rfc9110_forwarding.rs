use std::io::Read as _;
use std::net::TcpListener;

use edgeloom_testbed::{Client, Manner, Origin, Raw, Request, Response};

use super::super::SOON;
use super::edge;

/// Section 7.6.1: what is meant for this hop goes no further, by its name or because the client says so.
#[test]
fn fields_of_this_hop_go_no_further() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let request = Request::get("/")
        .header("connection", "keep-alive, X-Mine")
        .header("x-mine", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .header("upgrade", "foo")
        .header("x-yours", "2");
    let asked = edge.request(request).echo();
    for name in ["connection", "x-mine", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    assert_eq!(asked.header("x-yours"), Some("2"));
}

/// Section 7.6.2: it counts for TRACE and OPTIONS only, and is left to the origin, as `*` is.
#[test]
fn options_and_max_forwards_reach_the_origin() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut raw = Raw::connect(edge.address()).unwrap();
    raw.send(b"OPTIONS * HTTP/1.1\r\nhost: a\r\nmax-forwards: 3\r\n\r\n").unwrap();
    let answer = String::from_utf8(raw.answer(SOON).unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"method\": \"OPTIONS\""), "{answer}");
    assert!(answer.contains("\"path\": \"*\"") && answer.contains("[\"max-forwards\",\"3\"]"), "{answer}");
}

/// Section 6.6.1: a response of ours has a date, and one of an origin's that had none gets one.
#[test]
fn every_response_has_a_date() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    for client in [Client::to(edge.address()), Client::h2c(edge.address())] {
        assert_eq!(client.get("/").header_all("date").len(), 1);
    }
}

/// Section 14: ranges and their conditions are the origin's business, and so are validators.
#[test]
fn ranges_and_conditions_pass_both_ways() {
    let origin = Origin::echo("origin");
    let edge_of_echo = edge(&origin);
    let conditions = [
        ("range", "bytes=1-2"),
        ("if-range", "\"1\""),
        ("if-none-match", "\"1\""),
        ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    for client in [Client::to(edge_of_echo.address()), Client::h2c(edge_of_echo.address())] {
        let request =
            conditions.iter().fold(Request::get("/"), |request, (name, value)| request.header(name, value));
        let asked = client.request(request).echo();
        for (name, value) in conditions {
            assert_eq!(asked.header(name), Some(value));
        }
    }
    let partial = Manner::saying("el").with_status(206).with_header("content-range", "bytes 1-2/5");
    let origin = Origin::behaving(partial.with_header("etag", "\"1\""));
    let edge = edge(&origin);
    for client in [Client::to(edge.address()), Client::h2c(edge.address())] {
        let got = client.request(Request::get("/").header("range", "bytes=1-2"));
        assert_eq!((got.status(), got.text(), got.header("content-range")), (206, "el", Some("bytes 1-2/5")));
    }
}

/// Section 10.1.1 and 15.2: the client is told to go on by the origin, and not before.
#[test]
fn a_client_that_waits_to_go_on_is_told_by_the_origin() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edgeloom_testbed::Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        listener.local_addr().unwrap()
    ));
    let ask = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    let head =
        |raw: &mut Raw| String::from_utf8(raw.until(b"\r\n\r\n", SOON).unwrap()).unwrap().to_lowercase();
    let mut client = Raw::connect(edge.address()).unwrap();
    client.send(ask).unwrap();
    let mut origin = Raw::accept(&listener).unwrap();
    assert!(head(&mut origin).contains("expect: 100-continue"));
    origin.send(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    assert!(head(&mut client).starts_with("http/1.1 100 "));
    client.send(b"body").unwrap();
    assert_eq!(origin.exactly(4, SOON).unwrap(), b"body");
    origin.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").unwrap();
    let hints = head(&mut client);
    assert!(hints.starts_with("http/1.1 103 ") && hints.contains("link: </a.css>"), "{hints}");
    assert!(String::from_utf8(client.answer(SOON).unwrap()).unwrap().ends_with("ok"));
    // Or is told not to.
    let mut client = Raw::connect(edge.address()).unwrap();
    client.send(ask).unwrap();
    let mut origin = Raw::accept(&listener).unwrap();
    head(&mut origin);
    origin.send(b"HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert!(head(&mut client).starts_with("http/1.1 417 "));
}

/// Section 9.3.6 and 7.8 apart, an origin is not told of who is gone by silence: its connection is closed.
#[test]
fn an_endpoint_sees_that_a_client_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edgeloom_testbed::Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'], timeouts: {{ read: 60s }} }} }}
        ",
        listener.local_addr().unwrap()
    ));
    for body in ["content-length: 0\r\n\r\n", "content-length: 9\r\n\r\nbody"] {
        let mut client = Raw::connect(edge.address()).unwrap();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{body}").as_bytes()).unwrap();
        let mut origin = Raw::accept(&listener).unwrap();
        origin.until(b"\r\n\r\n", SOON).unwrap();
        drop(client);
        assert!(origin.to_end(SOON).unwrap().is_some(), "{body}");
    }
}

/// What an edge in front of this origin answers, on either version of HTTP: the origin says the same thing each time.
fn passed_on(said: &'static [u8], route: &str) -> Vec<Response> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edgeloom_testbed::Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin{route} }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        listener.local_addr().unwrap()
    ));
    let origin = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut origin = Raw::accept(&listener).unwrap();
            origin.until(b"\r\n\r\n", SOON).unwrap();
            origin.send(said).unwrap();
        }
    });
    let ask = || Request::get("/").header("accept-encoding", "gzip");
    let clients = [Client::to(edge.address()), Client::h2c(edge.address())];
    let answers = clients.iter().map(|client| client.request(ask())).collect();
    origin.join().unwrap();
    answers
}

/// Section 7.6.1, of responses: also where they are framed by what else `connection` names, which has to stay.
#[test]
fn fields_of_this_hop_go_no_further_in_responses_either() {
    let said = b"HTTP/1.1 407 No\r\nConnection: close, X-Mine\r\nconnection: Content-Length, x-more\r\nX-Mine: 1\r\n\
        x-more: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authenticate: Basic\r\nTE: trailers\r\n\
        Trailer: x-sum\r\nUpgrade: foo\r\nX-Yours: 2\r\nContent-Length: 2\r\n\r\nno";
    for answer in passed_on(said, "") {
        let hop = [
            "x-mine",
            "x-more",
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "te",
            "trailer",
            "upgrade",
        ];
        for name in hop {
            assert_eq!(answer.header(name), None, "{name}");
        }
        // It is the edge's own, where there is one: what the endpoint does with its connection is its business.
        assert!(answer.header("connection").is_none_or(|ours| ours == "keep-alive"), "{answer:?}");
        assert_eq!((answer.header("x-yours"), answer.header("content-length")), (Some("2"), Some("2")));
        assert_eq!((answer.status(), answer.text()), (407, "no"));
    }
}

/// Section 6.5: trailers of HTTP/1 end here, whether they were announced or not, and whatever becomes of the body.
#[test]
fn trailers_of_an_http1_response_end_here_and_the_body_stays_whole() {
    const ANNOUNCED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\
        trailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n";
    const SURPRISING: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n";
    for said in [ANNOUNCED, SURPRISING] {
        for answer in passed_on(said, "") {
            assert_eq!((answer.text(), answer.header("trailer")), ("hello", None));
            assert_eq!(answer.trailer("x-sum"), None);
        }
        for answer in passed_on(said, ", compress: on") {
            assert_eq!((answer.header("content-encoding"), answer.header("trailer")), (Some("gzip"), None));
            let mut whole = String::new();
            flate2::read::GzDecoder::new(&answer.body()[..]).read_to_string(&mut whole).unwrap();
            assert_eq!(whole, "hello");
        }
    }
}
