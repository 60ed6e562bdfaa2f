use super::*;

/// How many bytes of this are one chunked body.
fn chunked(bytes: &[u8]) -> Result<Option<usize>, ChunkFault> {
    let mut rest = Rest::of(Framing::Chunked);
    let taken = rest.take(bytes)?;
    Ok(rest.has_ended().then_some(taken))
}

#[test]
fn a_length_is_what_it_says() {
    let mut rest = Rest::of(Framing::Length(5));
    assert_eq!((rest.take(b"ab"), rest.at_most()), (Ok(2), Some(3)));
    assert_eq!((rest.take(b"cdefgh"), rest.has_ended()), (Ok(3), true));
    assert_eq!(rest.take(b"x"), Ok(0));
    assert!(Rest::of(Framing::Length(0)).has_ended());
}

#[test]
fn chunks_end_at_their_last_line() {
    for body in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "A;a=b;c=\"d\"\r\n0123456789\r\n00\r\n\r\n",
        "1\r\nx\r\n0\r\nt: 1\r\nu:2\r\n\r\n",
    ] {
        assert_eq!(chunked(format!("{body}GET /").as_bytes()), Ok(Some(body.len())), "{body:?}");
        assert_eq!(chunked(&body.as_bytes()[..body.len() - 1]), Ok(None), "{body:?}");
    }
}

#[test]
fn in_pieces_it_is_the_same_as_whole() {
    for body in [
        "5\r\nhello\r\n10;x\r\n0123456789abcdef\r\n0\r\nt: v\r\n\r\n",
        "5\r\nhello!\r\n",
        "5 \r\n",
        "0\r\n:\r\n",
    ] {
        let mut rest = Rest::of(Framing::Chunked);
        let slow: Result<Vec<_>, _> = body.as_bytes().chunks(1).map(|byte| rest.take(byte)).collect();
        let slow = slow.map(|taken| rest.has_ended().then(|| taken.into_iter().sum()));
        assert_eq!(slow, chunked(body.as_bytes()), "{body:?}");
    }
}

#[test]
fn what_is_no_chunk_is_refused() {
    let cases: [(&[u8], ChunkFault); 22] = [
        (b"\r\n", ChunkFault::Size),
        (b"g\r\n", ChunkFault::Size),
        (b"-1\r\n", ChunkFault::Size),
        (b"+1\r\n", ChunkFault::Size),
        (b" 1\r\n", ChunkFault::Size),
        (b"1 \r\n", ChunkFault::Size),
        (b"0x1\r\n", ChunkFault::Size),
        (b"1_0\r\n", ChunkFault::Size),
        (b";a\r\n", ChunkFault::Size),
        (b"1\n", ChunkFault::Size),
        (b"1\rx", ChunkFault::LineEnd),
        (b"1;a\n", ChunkFault::Extension),
        (b"1;\0\r\n", ChunkFault::Extension),
        (b"ffffffffffffffff\r\n", ChunkFault::TooLarge),
        (b"0000000000000001\r\n", ChunkFault::TooLarge),
        (b"5\r\nhello!\r\n", ChunkFault::LineEnd),
        (b"5\r\nhello\n", ChunkFault::LineEnd),
        (b"5\r\nhello\r0\r\n", ChunkFault::LineEnd),
        (b"0\r\n\rx", ChunkFault::LineEnd),
        (b"0\r\nt: 1\n", ChunkFault::Trailer),
        (b"0\r\n t: 1\r\n", ChunkFault::Trailer),
        (b"0\r\nt: \0\r\n", ChunkFault::Trailer),
    ];
    for (bytes, fault) in cases {
        assert_eq!(chunked(bytes), Err(fault), "{}", bytes.escape_ascii());
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extension = |length| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(length)).into_bytes();
    assert!(chunked(&extension(EXTENSION_MAX - 1)).unwrap().is_some());
    assert_eq!(chunked(&extension(EXTENSION_MAX)), Err(ChunkFault::Extension));
    let trailer = |length| format!("0\r\n{}\r\n\r\n", "t".repeat(length)).into_bytes();
    assert!(chunked(&trailer(TRAILERS_MAX)).unwrap().is_some());
    assert_eq!(chunked(&trailer(TRAILERS_MAX + 1)), Err(ChunkFault::Trailer));
}
