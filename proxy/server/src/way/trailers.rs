//! What comes behind a body. gRPC has its status there.

use http::header::{HeaderMap, TE};
use http::{HeaderName, Version};
use pingora_core::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use crate::listen::is_stream;

/// `te: trailers` is hop-by-hop, so Pingora removes it; but trailers do pass from HTTP/2 to HTTP/2, and servers
/// of gRPC refuse those who do not say that they take them.
///
/// # Errors
///
/// Never: it is a legal header.
pub(super) fn ask_for_them(session: &Session, request: &mut RequestHeader) -> Result<()> {
    if request.version != Version::HTTP_2 || !is_stream(session) {
        return Ok(());
    }
    let asked = session.req_header().headers.get(TE).is_some_and(|value| value == TRAILERS);
    if asked { request.insert_header(TE, TRAILERS) } else { Ok(()) }
}

/// How a call of gRPC ended: a number, zero for success.
pub(super) fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

const TRAILERS: &str = "trailers";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
