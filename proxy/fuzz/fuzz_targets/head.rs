//! Heads and bodies of requests: read alike in whatever pieces they come, and never in another way than the parser
//! behind reads them.

#![no_main]

use std::collections::HashSet;

use bytes::Bytes;
use edgeloom_core::wire::body::{ChunkFault, Rest};
use edgeloom_core::wire::head::{Fault, Framing, Head, Look};
use libfuzzer_sys::fuzz_target;

// The first byte says how large the pieces are.
fuzz_target!(|input: &[u8]| {
    let Some((&piece, bytes)) = input.split_first() else { return };
    let piece = usize::from(piece) + 1;
    let mut look = Look::default();
    let whole = look.at(bytes);
    assert_eq!(whole, in_pieces(bytes, piece), "a head depends on how it arrives");
    let Ok(Some(head)) = whole else { return };
    assert!(head.begin < head.end && head.end <= bytes.len());
    parsed_alike(&bytes[head.begin..head.end], head.framing);
    taken_apart_alike(&look, &bytes[..head.end], head);
    let body = &bytes[head.end..];
    let mut rest = Rest::of(head.framing);
    let taken = rest.take(body).map(|taken| (taken, rest.has_ended()));
    assert_eq!(taken, body_in_pieces(head.framing, body, piece), "a body depends on how it arrives");
    if let (Ok((taken, ended)), Framing::Length(length)) = (taken, head.framing) {
        assert_eq!((taken as u64, ended), (length.min(body.len() as u64), length <= body.len() as u64));
    }
});

fn in_pieces(bytes: &[u8], piece: usize) -> Result<Option<Head>, Fault> {
    let mut look = Look::default();
    let mut end = 0;
    loop {
        match look.at(&bytes[..end]) {
            Ok(None) if end < bytes.len() => end = bytes.len().min(end + piece),
            other => return other,
        }
    }
}

fn body_in_pieces(framing: Framing, body: &[u8], piece: usize) -> Result<(usize, bool), ChunkFault> {
    let mut rest = Rest::of(framing);
    let mut taken = 0;
    for bytes in body.chunks(piece) {
        taken += rest.take(bytes)?;
    }
    Ok((taken, rest.has_ended()))
}

/// The lines of a head are those that Pingora's parser would read, and what is left of it says the same of the message.
fn taken_apart_alike(look: &Look, bytes: &[u8], head: Head) {
    let mut lines = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut lines);
    let parses = parsed.parse(&bytes[head.begin..]);
    let Ok((headers, framing)) = look.take_apart(&Bytes::copy_from_slice(bytes)) else {
        assert!(parses.is_err(), "the parser would take it");
        return;
    };
    let left = Look::default().at(&framing);
    assert_eq!(left, Ok(Some(Head { begin: 0, end: framing.len(), framing: head.framing })));
    if parses.is_err() {
        return;
    }
    let names: HashSet<_> = parsed.headers.iter().map(|line| line.name.to_ascii_lowercase()).collect();
    assert_eq!(names.len(), headers.keys_len());
    for name in names {
        let theirs = parsed.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(&name));
        assert!(
            theirs.map(|line| line.value).eq(headers.get_all(&name).iter().map(|value| value.as_bytes()))
        );
    }
}

/// What Pingora's parser takes for a request is the same request.
fn parsed_alike(head: &[u8], framing: Framing) {
    let mut lines = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut lines);
    let Ok(status) = parsed.parse(head) else { return };
    assert_eq!(status, httparse::Status::Complete(head.len()), "the parser sees another end");
    let all = |name: &str| {
        let of_name = parsed.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        of_name.map(|line| line.value).collect::<Vec<_>>()
    };
    assert!(all("host").len() <= 1);
    match (framing, &*all("content-length"), &*all("transfer-encoding")) {
        (Framing::Chunked, [], [coding]) => assert!(coding.eq_ignore_ascii_case(b"chunked")),
        (Framing::Length(0), [], []) => {}
        // What follows a CONNECT is no body, whatever it says.
        (Framing::Length(0), _, _) if parsed.method == Some("CONNECT") => {}
        (Framing::Length(length), [value], []) => {
            assert_eq!(std::str::from_utf8(value).unwrap().parse(), Ok(length));
        }
        other => panic!("the parser sees another framing: {other:?}"),
    }
}
