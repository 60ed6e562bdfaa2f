//! Endpoints that do not say, or say late, that a response has ended.

use std::net::TcpListener;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Frame, Raw, Request, fields_of};

use super::super::{SOON, line_about};

fn edge(endpoint: &TcpListener, timeouts: &str) -> Edge {
    Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
        clusters: {{ shop: {{ endpoints: ['{}'], protocol: http2, retries: 0, timeouts: {{ {timeouts} }} }} }}
        routes: [{{ name: all, to: shop }}]
        ",
        endpoint.local_addr().unwrap()
    ))
}

/// The head of a response of five bytes, and these fields.
fn head(stream: u32, more: &[(&str, &str)]) -> Frame {
    let fields = [&[(":status", "200"), ("content-length", "5")][..], more].concat();
    Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, fields_of(&fields))
}

fn body(stream: u32) -> Frame {
    Frame::new(Frame::DATA, 0, stream, *b"hello")
}

fn end(stream: u32) -> Frame {
    Frame::new(Frame::DATA, Frame::END_STREAM, stream, [])
}

/// Answers one request after the other on one connection, and returns all that came on it.
fn answer<'scope>(
    threads: &'scope Scope<'scope, '_>,
    listener: &'scope TcpListener,
    answers: Vec<Vec<Frame>>,
) -> ScopedJoinHandle<'scope, Vec<Frame>> {
    threads.spawn(move || {
        let mut raw = Raw::accept(listener).unwrap();
        raw.until(b"SM\r\n\r\n", SOON).unwrap();
        raw.send(&Frame::new(Frame::SETTINGS, 0, 0, []).bytes()).unwrap();
        let (mut answers, mut came) = (answers.into_iter(), Vec::new());
        while let [a, b, c, kind, flags, stream @ ..] = &raw.exactly(9, SOON).unwrap_or_default()[..] {
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
            let stream = u32::from_be_bytes(stream.try_into().unwrap());
            came.push(Frame::new(*kind, *flags, stream, raw.exactly(length, SOON).unwrap()));
            if *kind == Frame::HEADERS {
                let bytes: Vec<u8> = answers.next().unwrap().iter().flat_map(Frame::bytes).collect();
                raw.send(&bytes).unwrap();
            }
        }
        came
    })
}

#[test]
fn a_client_is_not_kept_waiting_for_an_end_that_does_not_come() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edge(&listener, "read: 1m");
    std::thread::scope(|threads| {
        let without = |stream| vec![head(stream, &[]), body(stream)];
        let with = |stream| vec![head(stream, &[]), body(stream), end(stream)];
        let endpoint = answer(threads, &listener, vec![without(1), with(3), without(5), with(7)]);
        let began = Instant::now();
        for path in ["/1", "/3", "/5", "/7"] {
            // It is the same connection, so that the next waits until the last has ended.
            assert_eq!(edge.get(path).text(), "hello");
            assert_eq!(line_about(&edge, path).get("failure"), None, "{path}");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        drop(edge);
        let came = endpoint.join().unwrap();
        let reset: Vec<_> = came.iter().filter(|frame| frame.kind == Frame::RST_STREAM).collect();
        // Nobody else: who is reset too often gives a client up.
        let cancelled = |stream| Frame::new(Frame::RST_STREAM, 0, stream, [0, 0, 0, 8]);
        assert_eq!(reset, [&cancelled(1), &cancelled(5)]);
    });
}

#[test]
fn an_end_is_waited_for_where_more_may_come_behind_the_body() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edge(&listener, "read: 300ms");
    std::thread::scope(|threads| {
        let announced = vec![head(1, &[("trailer", "x-sum")]), body(1)];
        let endpoint = answer(threads, &listener, vec![announced]);
        assert_eq!(edge.get("/announced").text(), "hello");
        // The client has all that passes; the trailers are waited for all the same, as they may be of use here.
        let line = line_about(&edge, "/announced");
        assert!(line["duration_us"].as_u64().unwrap() >= 300_000, "{line}");
        drop(endpoint);
        // Others are not sent to an endpoint that was silent for so long.
        let endpoint = answer(threads, &listener, vec![vec![head(1, &[]), body(1)]]);
        // In HTTP/2 trailers would reach the client, announced or not.
        assert!(Client::h2c(edge.address()).attempt(Request::get("/stream")).is_err());
        assert_eq!(line_about(&edge, "/stream")["failure"], "the endpoint took too long");
        drop((edge, endpoint));
    });
}
