//! Failures, as gRPC tells them: the status is a header of a response that ends with its head.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::{GRPC_MESSAGE, GRPC_STATUS, Told};
use crate::verdict::Answer;

/// Whether a request is gRPC's. That of gRPC-Web is for a browser, which reads the status of HTTP.
pub fn is_grpc(request: &HeaderMap) -> bool {
    let kind = request.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let rest =
        kind.get(..GRPC.len()).filter(|begun| begun.eq_ignore_ascii_case(GRPC)).and(kind.get(GRPC.len()..));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// "Trailers-only": its status is that of the transport, which is well.
pub(super) fn answer(told: Told<'_>) -> Answer {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(code(told)));
    if let Ok(message) = HeaderValue::try_from(escaped(told.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    Answer { status: StatusCode::OK, headers, body: Bytes::new() }
}

/// What we know better than the status of HTTP says it: what is more than there may be is `RESOURCE_EXHAUSTED`, what took
/// too long `DEADLINE_EXCEEDED`. Else by the table of the gRPC repository, `doc/http-grpc-status-mapping.md`: what a client
/// would have made of the HTTP status itself.
fn code(told: Told<'_>) -> u16 {
    match told.status.as_u16() {
        _ if told.exhausted => 8,
        413 | 414 | 429 | 431 => 8,
        408 | 504 => 4,
        400 => 13,
        401 => 16,
        403 => 7,
        404 | 405 => 12,
        502 | 503 => 14,
        _ => 2,
    }
}

/// Percent-encoded but for printable ASCII.
fn escaped(message: &str) -> String {
    let mut text = String::new();
    for byte in message.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

const GRPC: &[u8] = b"application/grpc";
