//! What Pingora answers by itself, before there is an exchange: 400 to a head
//! that is no request.
//!
//! No callback tells of it; but until a head is complete, nobody else writes to
//! the connection. So what is written then is a refusal: it can be logged, and
//! it need not say which library we are built on.

/// The status of a refusal, and its bytes without the `server` line; `None` where it is none.
pub(super) fn unsigned(refusal: &[u8]) -> Option<(u16, Vec<u8>)> {
    let text = std::str::from_utf8(refusal).ok()?;
    let status = text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let is_signature = |line: &&str| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("server:"));
    let lines = text.split_inclusive("\r\n").filter(|line| !is_signature(line));
    Some((status, lines.collect::<String>().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_loses_its_signature_and_nothing_else() {
        let pingoras = b"HTTP/1.1 400 Bad Request\r\nServer: Pingora\r\nContent-Length: 0\r\n\r\n";
        let (status, ours) = unsigned(pingoras).unwrap();
        assert_eq!((status, &*ours), (400, &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..]));
        assert_eq!(unsigned(b"PRI * HTTP/2.0"), None);
        assert_eq!(unsigned(b"HTTP/1.1 x"), None);
        assert_eq!(unsigned(b"\xff"), None);
    }
}
