use edgeloom_testbed::{Client, Origin, Raw, Request};

use super::super::SOON;
use super::edge;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Read as a frame, a request of HTTP/1 announces 4.6 million bytes.
#[test]
fn a_preface_that_is_followed_by_no_frame_ends_the_connection_and_nothing_else() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let mut raw = Raw::connect(edge.address()).unwrap();
    raw.send(PREFACE).unwrap();
    raw.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    raw.to_end(SOON).unwrap().expect("the connection should have been closed");
    assert_eq!(Client::h2c(edge.address()).request(Request::get("/")).text(), "hello");
    assert_eq!(origin.requests(), 1);
}

#[test]
fn a_preface_that_is_wrong_is_a_request_of_no_version_that_http_1_has() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let answer = Client::to(edge.address()).send_raw(b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 505 "), "{}", answer.escape_ascii());
    assert_eq!(origin.requests(), 0);
}
