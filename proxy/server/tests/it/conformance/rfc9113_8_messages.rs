use edgeloom_testbed::{Client, Frame, Frames, Manner, Origin, Outcome, Request};

use super::{ASK, Fault, PROTOCOL_ERROR, SEND, SOON, edge, find};

/// Section 8.1.1: a stream error, or an answer with a status before it.
const MALFORMED: &[Outcome] =
    &[Outcome::Reset(PROTOCOL_ERROR), Outcome::Answered(400), Outcome::Gone(PROTOCOL_ERROR)];

fn with(fields: &[(&'static str, &'static str)]) -> [Frame; 1] {
    [Frame::request(1, &[&ASK, fields].concat())]
}

fn without(name: &str) -> [Frame; 1] {
    let fields: Vec<_> = ASK.into_iter().filter(|field| field.0 != name).collect();
    [Frame::request(1, &fields)]
}

fn instead(name: &'static str, value: &'static str) -> [Frame; 1] {
    let fields: Vec<_> =
        ASK.into_iter().map(|field| if field.0 == name { (name, value) } else { field }).collect();
    [Frame::request(1, &fields)]
}

/// Section 8.2.1.
#[test]
fn names_and_values_of_fields_are_what_they_may_be() {
    find(&[
        Fault::new("a name in capitals", with(&[("X-Large", "1")]), MALFORMED),
        Fault::new("no name", with(&[("", "1")]), MALFORMED),
        Fault::new("a name with a space", with(&[("x large", "1")]), MALFORMED),
        Fault::new("a name with a colon", with(&[("x:y", "1")]), MALFORMED),
        Fault::new("a value with a line's end", with(&[("x", "1\r\ny: 2")]), MALFORMED),
        Fault::new("a value with a zero", with(&[("x", "1\0")]), MALFORMED),
    ]);
}

/// Section 8.2.2: HTTP/2 has its own ways, so these have no meaning, and may have one behind the edge.
#[test]
fn fields_of_the_connection_are_refused() {
    find(&[
        Fault::new("connection", with(&[("connection", "close")]), MALFORMED),
        Fault::new("keep-alive", with(&[("keep-alive", "1")]), MALFORMED),
        Fault::new("proxy-connection", with(&[("proxy-connection", "close")]), MALFORMED),
        Fault::new("transfer-encoding", with(&[("transfer-encoding", "chunked")]), MALFORMED),
        Fault::new("upgrade", with(&[("upgrade", "websocket")]), MALFORMED),
        Fault::new("te, but for trailers", with(&[("te", "gzip")]), MALFORMED),
        Fault::new("te: trailers, which may", with(&[("te", "trailers")]), &[Outcome::Answered(200)]),
    ]);
}

/// Section 8.3.
#[test]
fn the_fields_that_make_a_request_are_there_once_and_first() {
    find(&[
        Fault::new("one that nobody knows", with(&[(":colour", "red")]), MALFORMED),
        Fault::new("one of a response", with(&[(":status", "200")]), MALFORMED),
        Fault::new("a second path", with(&[(":path", "/other")]), MALFORMED),
        Fault::new(
            "one behind a header",
            [Frame::request(1, &[&[("x", "1")], &ASK[..]].concat())],
            MALFORMED,
        ),
        Fault::new("no method", without(":method"), MALFORMED),
        Fault::new("no scheme", without(":scheme"), MALFORMED),
        Fault::new("no path", without(":path"), MALFORMED),
        Fault::new("an empty path", instead(":path", ""), MALFORMED),
        Fault::new("a path that is none", instead(":path", "path"), MALFORMED),
        Fault::new("another host than the authority", with(&[("host", "b")]), MALFORMED),
        Fault::new("an authority with a user", instead(":authority", "user@a"), MALFORMED),
        // Section 8.5: tunnels of HTTP/2 are not served.
        Fault::new(
            "CONNECT",
            [Frame::request(1, &[(":method", "CONNECT"), (":authority", "a:443")])],
            &[Outcome::Answered(405)],
        ),
        // RFC 8441 has not been agreed on.
        Fault::new(
            "CONNECT with a protocol",
            [Frame::request(
                1,
                &[
                    (":method", "CONNECT"),
                    (":protocol", "websocket"),
                    (":scheme", "http"),
                    (":path", "/"),
                    (":authority", "a"),
                ],
            )],
            &[Outcome::Reset(PROTOCOL_ERROR), Outcome::Answered(405), Outcome::Answered(400)],
        ),
    ]);
}

/// Section 8.1.1: a body is as long as its head says.
#[test]
fn a_body_is_as_long_as_it_was_announced_to_be() {
    let announced = |length| Frame::head(1, &[&SEND[..], &[("content-length", length)]].concat());
    let body = |flags, bytes: &'static str| Frame::new(Frame::DATA, flags, 1, bytes);
    let end = Frame::END_STREAM;
    find(&[
        Fault::new("as long", [announced("4"), body(0, "bo"), body(end, "dy")], &[Outcome::Answered(200)]),
        Fault::new("longer", [announced("2"), body(end, "body")], MALFORMED),
        Fault::new("shorter", [announced("9"), body(end, "body")], MALFORMED),
        Fault::new("no body", [Frame { flags: 5, ..announced("4") }], MALFORMED),
        Fault::new("no number", [announced("four"), body(end, "body")], MALFORMED),
        Fault::new(
            "two numbers",
            [
                Frame::head(1, &[&SEND[..], &[("content-length", "4"), ("content-length", "5")]].concat()),
                body(end, "body"),
            ],
            MALFORMED,
        ),
    ]);
}

/// Section 8.1: fields may come behind a body, and end it. Pingora does not read them, so they go no further,
/// whatever they are.
#[test]
fn trailers_of_a_request_end_it() {
    let trailers = |flags, fields: &[(&str, &str)]| Frame { flags, ..Frame::request(1, fields) };
    let whole = Frame::END_STREAM | Frame::END_HEADERS;
    let begun = || [Frame::head(1, &SEND), Frame::new(Frame::DATA, 0, 1, *b"body")];
    find(&[
        Fault::new(
            "some",
            [&begun()[..], &[trailers(whole, &[("x-sum", "1")])]].concat(),
            &[Outcome::Answered(200)],
        ),
        Fault::new(
            "that do not end it",
            [&begun()[..], &[trailers(Frame::END_HEADERS, &[("x-sum", "1")])]].concat(),
            MALFORMED,
        ),
        Fault::new(
            "with a method",
            [&begun()[..], &[trailers(whole, &[(":method", "GET")])]].concat(),
            &[Outcome::Answered(200), Outcome::Reset(PROTOCOL_ERROR)],
        ),
    ]);
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    for frame in begun().iter().chain([&trailers(whole, &[("x-sum", "1")])]) {
        client.send(frame).unwrap();
    }
    assert_eq!(client.outcome(1, SOON).unwrap(), Outcome::Answered(200));
    assert_eq!(super::super::line_about(&edge, "/")["bytes_in"], 4);
}

/// RFC 9110 section 6.4.1: heads without bodies, in both versions.
#[test]
fn responses_without_a_body_have_none() {
    for (status, text) in [(204, ""), (304, ""), (200, "hello")] {
        let body = if status == 200 { "hello" } else { "" };
        let origin = Origin::behaving(Manner::saying(body).with_status(status).with_header("etag", "\"1\""));
        let edge = edge(&origin);
        for client in [Client::to(edge.address()), Client::h2c(edge.address())] {
            let got = client.get("/");
            assert_eq!((got.status(), got.text(), got.header("etag")), (status, text, Some("\"1\"")));
            let head = client.request(Request::new("HEAD", "/"));
            assert_eq!((head.status(), head.text()), (status, ""));
        }
    }
}
