//! What is answered before there is an exchange: to what is no request, or
//! comes too slowly, by us; and to what only Pingora finds, by Pingora.
//!
//! No callback tells of Pingora's answers; but until a head is complete, nobody
//! else writes to the connection. So what is written then is a refusal: it can
//! be logged, and it need not say which library we are built on.

use edgeloom_core::wire::head::Fault;
use http::StatusCode;

/// Why something never became an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is malformed: {0}")]
    Fault(#[from] Fault),
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the request head is too large")]
    HeadTooLarge,
    #[error("the request head did not come in time")]
    Late,
    #[error("the request is malformed")]
    Malformed(StatusCode),
    #[error("the request is malformed: its stream was refused")]
    Stream,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Fault(fault) => StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::Malformed(status) => status,
            Self::Stream => StatusCode::BAD_REQUEST,
        }
    }

    /// As it is sent, on a connection that ends with it.
    pub(super) fn answer(self) -> String {
        let status = self.status();
        let sentence = self.to_string();
        let (first, rest) = sentence.split_at_checked(1).unwrap_or_default();
        let body = format!("{}{rest}.\n", first.to_ascii_uppercase());
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            body.len()
        )
    }
}

/// Pingora's refusal, and its bytes without the `server` line; `None` where it is none.
pub(super) fn unsigned(refusal: &[u8]) -> Option<(Refusal, Vec<u8>)> {
    let text = std::str::from_utf8(refusal).ok()?;
    let status = text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let is_signature = |line: &&str| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("server:"));
    let lines = text.split_inclusive("\r\n").filter(|line| !is_signature(line));
    Some((Refusal::Malformed(status), lines.collect::<String>().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_loses_its_signature_and_nothing_else() {
        let pingoras = b"HTTP/1.1 400 Bad Request\r\nServer: Pingora\r\nContent-Length: 0\r\n\r\n";
        let (refusal, ours) = unsigned(pingoras).unwrap();
        assert_eq!(refusal, Refusal::Malformed(StatusCode::BAD_REQUEST));
        assert_eq!(&*ours, &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..]);
        assert_eq!(unsigned(b"PRI * HTTP/2.0"), None);
        assert_eq!(unsigned(b"HTTP/1.1 x"), None);
        assert_eq!(unsigned(b"\xff"), None);
    }

    #[test]
    fn a_refusal_of_ours_says_why() {
        assert_eq!(
            Refusal::Fault(Fault::NoHost).answer(),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 45\r\n\
             connection: close\r\n\r\nThe request is malformed: `host` is missing.\n"
        );
    }
}
