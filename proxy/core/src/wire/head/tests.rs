use super::*;

fn look(head: &str) -> Result<Option<Head>, Fault> {
    Look::default().at(head.as_bytes())
}

fn framing(fields: &str) -> Result<Framing, Fault> {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    look(&head).map(|head| head.unwrap().framing)
}

#[test]
fn a_plain_head_ends_where_it_ends() {
    let head = "GET /a?b HTTP/1.1\r\nHost: shop.example:80\r\nx-empty:\r\nUpgrade: websocket\r\n\r\n";
    let found = Head { begin: 0, end: head.len(), framing: Framing::Length(0) };
    assert_eq!(look(&format!("{head}GET")), Ok(Some(found)));
    assert_eq!(look("GET / HTTP/1.0\r\n\r\n").unwrap().unwrap().end, 18);
    let after = look("\r\n\r\nGET / HTTP/1.0\r\n\r\n").unwrap().unwrap();
    assert_eq!((after.begin, after.end), (4, 22));
    assert_eq!(look(&"\r\n".repeat(5)), Err(Fault::EmptyLines));
}

#[test]
fn in_pieces_it_is_the_same_as_whole() {
    let heads = [
        "\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nrest",
        "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 12\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
    ];
    for head in heads {
        let mut slow = Look::default();
        let slow =
            (1..=head.len()).map(|length| slow.at(&head.as_bytes()[..length])).find(|seen| *seen != Ok(None));
        assert_eq!(slow.unwrap_or(Ok(None)), look(head), "{head:?}");
    }
}

#[test]
fn request_lines_have_three_parts() {
    for line in [
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        " / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /\t HTTP/1.1",
        "GET / http/1.1",
        "GET /a b HTTP/1.1",
        "G\u{1}T / HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET / HTTP/1.1\r",
        "GET / HTTP/11",
    ] {
        assert_eq!(look(&format!("{line}\r\nHost: a\r\n\r\n")), Err(Fault::RequestLine), "{line}");
    }
    for line in ["GET / HTTP/2.0", "GET / HTTP/1.2", "GET / HTTP/0.9"] {
        assert_eq!(look(&format!("{line}\r\nHost: a\r\n\r\n")).unwrap_err().status(), 505, "{line}");
    }
}

#[test]
fn lines_end_as_they_must() {
    assert_eq!(look("GET / HTTP/1.1\n"), Err(Fault::BareLineFeed));
    assert_eq!(look("GET / HTTP/1.1\r\nHost: a\n"), Err(Fault::BareLineFeed));
    assert_eq!(look("GET / HTTP/1.1\r\nHost: a\r\n\n"), Err(Fault::BareLineFeed));
    assert_eq!(look("GET / HTTP/1.1\r\n Host: a\r\n"), Err(Fault::Folded));
    assert_eq!(look("GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n"), Err(Fault::Folded));
    assert_eq!(look("GET / HTTP/1.1\r\nHost : a\r\n"), Err(Fault::SpaceBeforeColon));
    assert_eq!(look("GET / HTTP/1.1\r\nHost\r\n"), Err(Fault::NoColon));
    assert_eq!(look("GET / HTTP/1.1\r\n: a\r\n"), Err(Fault::NoColon));
}

#[test]
fn one_host_and_no_other() {
    assert_eq!(look("GET / HTTP/1.1\r\n\r\n"), Err(Fault::NoHost));
    assert_eq!(look("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n"), Err(Fault::SeveralHosts));
    for host in ["a, b", "a b", "a/b", "user@a", "a\u{e4}", "a\\b"] {
        assert_eq!(look(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n")), Err(Fault::Host), "{host}");
    }
    assert!(look("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").unwrap().is_some());
    assert!(look("GET / HTTP/1.1\r\nHost:\r\n\r\n").unwrap().is_some());
}

#[test]
fn a_body_has_one_length() {
    assert_eq!(framing(""), Ok(Framing::Length(0)));
    assert_eq!(framing("Content-Length: \t5 \r\n"), Ok(Framing::Length(5)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for length in ["", "-1", "+5", "5, 5", "5 5", "0x5", "5.0", "5a", "99999999999999999999"] {
        assert_eq!(framing(&format!("Content-Length: {length}\r\n")), Err(Fault::Length), "{length}");
    }
    assert_eq!(framing("Content-Length: 5\r\nContent-Length: 5\r\n"), Err(Fault::SeveralLengths));
    assert_eq!(framing("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), Err(Fault::LengthAndCoding));
    assert_eq!(framing("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), Err(Fault::LengthAndCoding));
    for coding in
        ["", "identity", "chunked, chunked", "chunked, gzip", "xchunked", "chunked;a=b", "\u{b}chunked"]
    {
        assert_eq!(framing(&format!("Transfer-Encoding: {coding}\r\n")), Err(Fault::Coding), "{coding}");
    }
    assert_eq!(framing("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), Err(Fault::Coding));
    assert_eq!(framing("Transfer-Encoding: gzip, chunked\r\n").unwrap_err().status(), 501);
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(look(old), Err(Fault::CodingInOld));
    let connect = look("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(connect.unwrap().unwrap().framing, Framing::Length(0));
}

/// The header lines of a head, and what is left of it for whoever frames.
fn apart(head: &str) -> Result<(Vec<(String, String)>, String), Fault> {
    let mut look = Look::default();
    let end = look.at(head.as_bytes())?.unwrap().end;
    let (headers, framing) = look.take_apart(&Bytes::copy_from_slice(&head.as_bytes()[..end]))?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let lines = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok((lines, String::from_utf8(framing).unwrap()))
}

#[test]
fn a_head_is_taken_apart() {
    let head = "\r\nPOST /a HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nAccept:  b \t\r\nConnection: x\r\nCONTENT-LENGTH: 3\r\n\
        Upgrade: y\r\nReferer: c\r\nx-empty: d\r\n\r\nrest";
    let (lines, framing) = apart(head).unwrap();
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        lines,
        [
            line("host", "a"),
            line("x-empty", ""),
            line("x-empty", "d"),
            line("accept", "b"),
            line("connection", "x"),
            line("content-length", "3"),
            line("upgrade", "y"),
            line("referer", "c"),
        ]
    );
    let left = "POST /a HTTP/1.1\r\nHost: a\r\nConnection: x\r\nCONTENT-LENGTH: 3\r\nUpgrade: y\r\n\r\n";
    assert_eq!(framing, left);
    // What is left says the same.
    let framing = look(&framing).unwrap().map(|head| head.framing);
    assert_eq!(framing, look(head).unwrap().map(|head| head.framing));
    assert_eq!(apart("GET / HTTP/1.0\r\n\r\n").unwrap(), (Vec::new(), "GET / HTTP/1.0\r\n\r\n".to_owned()));
}

#[test]
fn names_are_tokens_and_values_without_controls() {
    let of = |line: &str| apart(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n")).map(|_| ());
    for line in ["x\u{1}: a", "x y: a", "\"x\": a", "x\u{e9}: a", "x{: a", "x(: a"] {
        assert_eq!(of(line), Err(Fault::Name), "{line:?}");
    }
    for line in ["x: a\0b", "x: a\rb", "x: \u{7f}", "x: a\u{b}b"] {
        assert_eq!(of(line), Err(Fault::Value), "{line:?}");
    }
    assert_eq!(of("x!#$%&'*+-.^_`|~1: a\tb \u{e9}"), Ok(()));
    let many = "x: y\r\n".repeat(HEAD_LINES_MAX);
    assert_eq!(of(many.trim_end()), Err(Fault::Lines));
}
