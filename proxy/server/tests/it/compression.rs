use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use edgeloom_testbed::{Client, Edge, Manner, Origin, Raw, Request, Response};

fn edge(route: &str, origin: SocketAddr) -> Edge {
    Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{origin}'] }} }}
        routes: [{{ name: all, to: origin, {route} }}]
        "
    ))
}

fn undone(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut whole),
        "br" => brotli::Decompressor::new(body, 0).read_to_end(&mut whole),
        "zstd" => zstd::Decoder::new(body).unwrap().read_to_end(&mut whole),
        other => panic!("{other}"),
    }
    .unwrap();
    whole
}

fn accepting(accept: &str) -> Request {
    Request::get("/").header("accept-encoding", accept)
}

/// Some hundred kilobytes that are no single run.
fn page() -> String {
    (0..20_000).map(|n| format!("<li>{}</li>\n", n * 7919 % 10_007)).collect()
}

#[test]
fn a_client_gets_the_coding_that_it_wants_most() {
    let origin = Origin::behaving(Manner::saying(page()).with_header("etag", "\"v1\""));
    let edge = edge("compress: on", origin.address());
    for client in [edge.client(), &Client::h2c(edge.address())] {
        for (accept, coding) in [
            ("gzip, deflate, br, zstd", "zstd"),
            ("gzip;q=0.9, br, zstd;q=0", "br"),
            ("gzip", "gzip"),
            ("br;q=0, *;q=0.1, zstd;q=0", "gzip"),
        ] {
            let response = client.request(accepting(accept));
            assert_eq!(response.header("content-encoding"), Some(coding), "{accept}");
            assert_eq!(
                (response.header("vary"), response.header("etag")),
                (Some("accept-encoding"), Some("W/\"v1\""))
            );
            assert_eq!(response.header("content-length"), None);
            assert!(response.body().len() < page().len() / 3, "{}", response.body().len());
            assert_eq!(undone(coding, response.body()), page().as_bytes());
        }
    }
    let line = edge.wait_for_access(|line| line["status"] == 200, super::SOON);
    assert!(line["bytes_out"].as_u64().unwrap() < 100_000, "{line}");
}

/// What came is what the origin said, as it said it.
#[track_caller]
fn untouched(response: &Response, body: &str) {
    assert_eq!((response.header("content-encoding"), response.text()), (None, body));
    assert_eq!(response.header("content-length"), Some(&*body.len().to_string()));
}

#[test]
fn who_accepts_nothing_gets_the_page_as_it_is() {
    let origin = Origin::behaving(Manner::saying(page()).with_header("etag", "\"v1\""));
    let edge = edge("compress: on", origin.address());
    for request in [Request::get("/"), accepting("identity"), accepting("gzip;q=0, deflate")] {
        let response = edge.request(request);
        untouched(&response, &page());
        assert_eq!(
            (response.header("vary"), response.header("etag")),
            (Some("accept-encoding"), Some("\"v1\""))
        );
    }
    let head = edge.request(Request::new("HEAD", "/").header("accept-encoding", "gzip"));
    assert_eq!(head.header("content-length"), Some(&*page().len().to_string()));
    assert_eq!((head.header("content-encoding"), head.header("vary")), (None, Some("accept-encoding")));
    let old = edge.client().send_raw(b"GET / HTTP/1.0\r\naccept-encoding: gzip\r\n\r\n");
    assert!(String::from_utf8(old).unwrap().ends_with(&page()));
}

#[test]
fn what_is_not_to_be_compressed_is_let_be() {
    let page = page();
    for (manner, route) in [
        (Manner::saying(page.clone()), "compress: off"),
        (Manner::saying(page.clone()), "compress: { types: [text/html] }"),
        (Manner::saying(page.clone()).with_header("cache-control", "no-transform"), "compress: on"),
        (
            Manner::saying(page.clone()).with_status(206).with_header("content-range", "bytes 0-1/9"),
            "compress: on",
        ),
        (Manner::saying("x".repeat(1023)), "compress: on"),
        (Manner::saying("x".repeat(1024)), "compress: { least: 2KiB }"),
    ] {
        let origin = Origin::behaving(manner);
        let response = edge(route, origin.address()).request(accepting("gzip"));
        assert_eq!((response.header("content-encoding"), response.header("vary")), (None, None), "{route}");
        assert!(response.header("content-length").is_some());
    }
    let origin = Origin::behaving(Manner::saying(page.clone()).with_header("content-encoding", "dcb"));
    let response = edge("compress: on", origin.address()).request(accepting("gzip"));
    assert_eq!((response.header_all("content-encoding"), response.text()), (vec!["dcb"], &*page));
}

#[test]
fn an_answer_of_the_edge_is_compressed_like_any_other() {
    let edge = Edge::start(&format!(
        "
        routes:
          - {{ name: all, compress: on, answer: {{ body: '{}' }} }}
          - {{ name: empty, when: {{ path: /empty }}, compress: on, answer: {{ status: 204 }} }}
        ",
        "edge ".repeat(1000)
    ));
    let response = edge.request(accepting("gzip"));
    assert_eq!(undone("gzip", response.body()), "edge ".repeat(1000).as_bytes());
    assert_eq!(response.header("content-length"), Some(&*response.body().len().to_string()));
    let empty = edge.request(Request::get("/empty").header("accept-encoding", "gzip"));
    assert_eq!((empty.status(), empty.header("content-length"), empty.header("vary")), (204, None, None));
}

/// Nobody knows how long such a body is, or when more of it comes.
#[test]
fn a_body_without_a_length_is_sent_on_as_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edge("compress: on", listener.local_addr().unwrap());
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let origin = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            .unwrap();
        // Only when the client has it is there more.
        may_go_on.recv().unwrap();
        stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
    });
    let mut raw = Raw::connect(edge.address()).unwrap();
    raw.send(b"GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n").unwrap();
    raw.until(b"\r\n\r\n", super::SOON).unwrap();
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    while decoder.get_ref() != b"first" {
        decoder
            .write_all(&chunk(&mut raw).expect("the first piece comes before the second is made"))
            .unwrap();
        decoder.flush().unwrap();
    }
    go_on.send(()).unwrap();
    while let Some(piece) = chunk(&mut raw) {
        decoder.write_all(&piece).unwrap();
    }
    assert_eq!(decoder.finish().unwrap(), b"firstsecond");
    origin.join().unwrap();
}

/// Where nobody announces them it is too late to let the body be, and behind one that was made anew they may be wrong.
#[test]
fn trailers_that_nobody_announced_do_not_follow_a_compressed_body() {
    let origin = Origin::behaving(Manner::saying(page()).with_trailer("x-sum", "1"));
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'], protocol: http2 }} }}
        routes: [{{ name: all, to: origin, compress: on }}]
        ",
        origin.address()
    ));
    for client in [edge.client(), &Client::h2c(edge.address())] {
        for coding in ["gzip", "br", "zstd"] {
            let response = client.request(accepting(coding));
            assert_eq!(
                (response.header("content-encoding"), response.trailer("x-sum")),
                (Some(coding), None)
            );
            assert_eq!(undone(coding, response.body()), page().as_bytes());
        }
    }
    // Left alone, they pass.
    let response = Client::h2c(edge.address()).get("/");
    assert_eq!((response.text(), response.trailer("x-sum")), (&*page(), Some("1")));
}

/// The next chunk of a body; `None` at its end.
fn chunk(raw: &mut Raw) -> Option<Vec<u8>> {
    let line = raw.until(b"\r\n", super::SOON).unwrap();
    let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
    let mut chunk = raw.exactly(length + 2, super::SOON).unwrap();
    chunk.truncate(length);
    (length > 0).then_some(chunk)
}
