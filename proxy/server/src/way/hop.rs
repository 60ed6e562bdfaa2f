//! What is meant for one hop only, and so for us: the next one does not hear of it.

use edgeloom_core::survey::{Asked, Survey};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{StatusCode, Version};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::listen::is_stream;

/// Takes out of a request what was meant for us.
///
/// # Errors
///
/// Where the client calls hop-by-hop what is ours to vouch for.
pub(super) fn strip_request(head: &mut RequestHeader) -> Result<()> {
    for nominated in nominated(&head.headers) {
        if edgeloom_core::head::is_reserved(nominated.as_str()) && !is_hop_by_hop(&nominated) {
            let text = "what the edge vouches for is nominated by `connection`";
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, text).into_down());
        }
        head.remove_header(&nominated);
    }
    for name in HOP_BY_HOP {
        head.remove_header(&name);
    }
    Ok(())
}

/// Whether nothing is left in a request's head that was meant for us, so that Pingora need not look for it. That the
/// connection may be kept is all that most clients say to us, and is taken out here.
pub(super) fn is_for_next(headers: &mut HeaderMap, survey: Survey, edited: bool) -> bool {
    // Filters may write these two, and none of the others.
    let by_filter =
        edited && [PROXY_AUTHENTICATE, PROXY_AUTHORIZATION].iter().any(|name| headers.contains_key(name));
    if survey.has(Asked::HOP_BY_HOP) || by_filter {
        return false;
    }
    if survey.has(Asked::CONNECTION) {
        if !says_no_more_than_whether_it_stays(headers) {
            return false;
        }
        headers.remove(CONNECTION);
    }
    true
}

/// Whether `connection` names no header, but at most says whether the connection is kept.
fn says_no_more_than_whether_it_stays(headers: &HeaderMap) -> bool {
    let is_plain =
        |said: &[u8]| said.eq_ignore_ascii_case(b"keep-alive") || said.eq_ignore_ascii_case(b"close");
    headers.get_all(CONNECTION).iter().all(|said| is_plain(said.as_bytes()))
}

/// Takes out of a response what was meant for us, but for what says how long it is.
pub(super) fn strip_response(header: &mut ResponseHeader) {
    strip_nominated(header);
    for name in HOP_BY_HOP.iter().filter(|name| **name != TRANSFER_ENCODING && **name != TRAILER) {
        header.remove_header(name);
    }
}

/// The same, where what is left is passed on by Pingora, which does not do it: `connection` it replaces by its own.
pub(super) fn end(session: &Session, header: &mut ResponseHeader) {
    // A consent to another protocol has to name it; who asks for one goes another way.
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    if !says_no_more_than_whether_it_stays(&header.headers) {
        strip_nominated(header);
    }
    // To ask for each costs more than to look at all, and there are hardly ever any but that of a body in chunks.
    let is_for_us =
        |name: &HeaderName| Asked::named(name.as_str()) == Asked::HOP_BY_HOP && *name != TRANSFER_ENCODING;
    if !header.headers.keys().any(is_for_us) {
        return;
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, TE, UPGRADE] {
        strip(header, &name);
    }
    // Trailers pass from HTTP/2 to HTTP/2, and nowhere else.
    if header.version != Version::HTTP_2 || !is_stream(session) {
        strip(header, &TRAILER);
    }
}

/// Takes out what `connection` names, but for what says where the body ends: without that, another one would begin there.
fn strip_nominated(header: &mut ResponseHeader) {
    for name in nominated(&header.headers) {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            strip(header, &name);
        }
    }
}

fn strip(header: &mut ResponseHeader, name: &HeaderName) {
    if header.headers.contains_key(name) {
        header.remove_header(name);
    }
}

/// The elements of a list over all lines of a header, but for those that are no text.
pub(super) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// The headers that `connection` says are meant for the next hop only (RFC 9110 section 7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    tokens(headers, &CONNECTION).filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect()
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];
