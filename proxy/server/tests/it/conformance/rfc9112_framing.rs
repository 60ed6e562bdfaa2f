//! The table of `proxy/CONFORMANCE.md`, row by row: what is ambiguous is refused, and reaches nobody.

use std::fs;
use std::path::Path;

use edgeloom_testbed::{Origin, Raw};

use super::super::SOON;
use super::edge;

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What is ambiguous, where it is said so, what is sent, and the answer.
#[expect(clippy::too_many_lines, reason = "a table is one thing")]
fn rows() -> Vec<(&'static str, &'static str, String, u16)> {
    let head = |fields: &str| format!("{HEAD}{fields}\r\n");
    let chunked = |body: &str| format!("{CHUNKED}{body}");
    vec![
        (
            "`Content-Length` and `Transfer-Encoding`",
            "9112 6.3",
            head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
            400,
        ),
        (
            "two `Content-Length` that differ",
            "9112 6.3",
            head("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello!",
            400,
        ),
        (
            "two `Content-Length` that are the same",
            "9112 6.3",
            head("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello",
            400,
        ),
        ("`Content-Length: 5, 5`", "9110 8.6", head("Content-Length: 5, 5\r\n") + "hello", 400),
        (
            "`Content-Length` with a sign, a space or letters",
            "9110 8.6",
            head("Content-Length: +5\r\n") + "hello",
            400,
        ),
        (
            "`Content-Length` beyond 64 bits",
            "9110 8.6",
            head("Content-Length: 99999999999999999999\r\n"),
            400,
        ),
        (
            "a line that ends with a line feed alone",
            "9112 2.2",
            "GET / HTTP/1.1\r\nHost: a\nx: y\r\n\r\n".into(),
            400,
        ),
        ("a carriage return inside of a line", "9112 2.2", head("x: a\rb\r\n"), 400),
        ("a folded line", "9112 5.2", head("x: a\r\n b\r\n"), 400),
        (
            "a space before the first header line",
            "9112 2.2",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n".into(),
            400,
        ),
        ("a space before a colon", "9112 5.1", head("x : a\r\n"), 400),
        ("a header line without a name or colon", "9112 5", head("nonsense\r\n"), 400),
        ("a control character in a name", "9110 5.1", head("x\u{1}y: a\r\n"), 400),
        ("NUL in a value", "9110 5.5", head("x: a\0b\r\n"), 400),
        ("a control character in the target", "9112 3", "GET /\u{1} HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("a space in the target", "9112 3.2", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (
            "more than one space in the request line",
            "9112 3",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            400,
        ),
        ("a version other than 1.0 and 1.1", "9110 2.5", "GET / HTTP/1.2\r\nHost: a\r\n\r\n".into(), 505),
        (
            "`Transfer-Encoding` in HTTP/1.0",
            "9112 6.1",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            400,
        ),
        (
            "`Transfer-Encoding: identity`, or any but `chunked`",
            "9112 6.1",
            head("Transfer-Encoding: identity\r\n"),
            400,
        ),
        (
            "`Transfer-Encoding: chunked, chunked`, or on two lines",
            "9112 6.1",
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
            400,
        ),
        ("`Transfer-Encoding: chunked, gzip`", "9112 6.3", head("Transfer-Encoding: chunked, gzip\r\n"), 400),
        (
            "`Transfer-Encoding: gzip, chunked`",
            "9112 6.1",
            head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
            501,
        ),
        ("a chunk size that is no hexadecimal number", "9112 7.1", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400),
        ("a chunk size with a sign", "9112 7.1", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400),
        ("a chunk size with spaces around it", "9112 7.1", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400),
        ("a chunk size beyond 60 bits", "9112 7.1", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
        ("a chunk that is longer than it says", "9112 7.1", chunked("4\r\nhello\r\n0\r\n\r\n"), 400),
        (
            "a chunk's line that ends with a line feed alone",
            "9112 7.1",
            chunked("5\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a control character in a chunk extension",
            "9112 7.1.1",
            chunked("5;a=\0\r\nhello\r\n0\r\n\r\n"),
            400,
        ),
        (
            "chunk extensions of more than 128 bytes",
            "9112 7.1.1",
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(200))),
            400,
        ),
        ("a trailer that is no header line", "9112 7.1.2", chunked("5\r\nhello\r\n0\r\n x\r\n\r\n"), 400),
        ("no `Host` in HTTP/1.1", "9112 3.2", "GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("more than one `Host`", "9112 3.2", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into(), 400),
        ("a `Host` that is no host", "9112 3.2", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into(), 400),
        (
            "the absolute form, and another `Host`",
            "9112 3.2.2",
            "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            400,
        ),
    ]
}

#[test]
fn what_is_ambiguous_is_refused() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    for (what, section, sent, status) in rows() {
        let mut raw = Raw::connect(edge.address()).unwrap();
        raw.send(sent.as_bytes()).unwrap();
        let answer = raw.to_end(SOON).unwrap().unwrap_or_else(|| panic!("{what} ({section}): still open"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what} ({section}): {answer}");
        assert_eq!(
            answer.lines().filter(|line| line.starts_with("HTTP/1.1 ")).count(),
            1,
            "{what} ({section}): {answer}"
        );
    }
    let lines = edge.access().at_least(rows().len(), SOON);
    assert!(lines.len() >= rows().len() && lines.iter().all(|line| line["failure"].is_string()), "{lines:?}");
    // Of bodies, what was good of them may have been passed on before the rest came.
    assert_eq!(edge.get("/").status(), 200);
}

#[test]
fn every_row_is_in_the_table() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONFORMANCE.md");
    let text = fs::read_to_string(&file).unwrap();
    let (begin, end) = ("<!-- framing: begin -->\n", "<!-- framing: end -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let row = |(what, section, _, status): (&str, &str, String, u16)| {
        format!("| {what} | RFC {section} | {status} |\n")
    };
    let table: String = rows().into_iter().map(row).collect();
    let wanted = format!("{before}{begin}\n| what | where | answer |\n|---|---|---|\n{table}\n{end}{after}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(
        text == wanted || std::env::var_os("BLESS").is_some(),
        "{} differs; BLESS=1 rewrites it",
        file.display()
    );
}

#[test]
fn what_is_unusual_and_clear_is_taken() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    for (sent, length) in [
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 0),
        (format!("{HEAD}Content-Length: \t5 \r\n\r\nhello"), 5),
        (format!("{CHUNKED}5;name=\"value\"\r\nhello\r\n00\r\nx-trailer: y\r\n\r\n"), 5),
        (
            "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"
                .to_owned(),
            10,
        ),
    ] {
        let mut raw = Raw::connect(edge.address()).unwrap();
        raw.send(sent.as_bytes()).unwrap();
        let answer = String::from_utf8_lossy(&raw.answer(SOON).unwrap()).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{sent}: {answer}");
        assert!(answer.contains(&format!("\"body_length\": {length}")), "{sent}: {answer}");
    }
}
