//! Who is asking, and what their head is made of.
//!
//! The head is taken out of Pingora's session, so that filters edit the only
//! copy there is, and given back before an upstream is involved.

use std::sync::Arc;

use edgeloom_config::Limits;
use edgeloom_core::forward::Vouched;
use edgeloom_core::head::{Headers, RequestHead};
use edgeloom_core::survey::{Asked, Survey};
use http::Method;
use http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::limits::DRAIN_BODY_TIMEOUT;
use crate::listen::{Connection, tls};
use crate::rescue::Failure;
use crate::way::{Edge, forward, hop};

/// How long this client may take, from here on. Pingora sets none of it.
pub(super) fn settle(session: &mut Session, limits: &Limits) {
    if let Some(connection) = session.stream().and_then(Connection::beneath) {
        connection.exchange_has_begun();
        let last = connection.is_at_its_last_request();
        // What Pingora read from the request stands for "yes, for ever" or "no".
        if last {
            session.set_keepalive(None);
        } else if session.get_keepalive().is_some() {
            session.set_keepalive(Some(limits.keepalive.as_secs().max(1)));
        }
        // The connection itself waits no longer than it may, in either direction.
        session.set_read_timeout(None);
        session.set_write_timeout(None);
    }
    session.set_total_drain_timeout(Some(DRAIN_BODY_TIMEOUT));
}

/// Takes the head out of the session, and establishes who sent it.
///
/// # Errors
///
/// Where the head is larger than it may be, or no head that can be routed.
pub(super) fn take(session: &mut Session, exchange: &mut Exchange, edge: &Edge) -> Result<Parts, Failure> {
    let peer = session.client_addr().and_then(|address| address.as_inet()).copied();
    exchange.peer = peer;
    // Of a stream, Pingora's session has them.
    let lines = session.stream().and_then(Connection::beneath).and_then(Connection::lines);
    let sent = session.req_header();
    let checked = check(sent, lines.as_ref().unwrap_or(&sent.headers), &exchange.generation.limits);
    let host_sent = authority(sent);
    let empty = RequestHeader::from(http::Request::new(()).into_parts().0);
    let mut parts = Parts::from(std::mem::replace(session.req_header_mut(), empty));
    if let Some(lines) = lines {
        parts.headers = lines;
    }
    let survey = match checked {
        Ok(survey) => survey,
        Err(failure) => {
            *session.req_header_mut() = RequestHeader::from(parts);
            return Err(failure);
        }
    };
    exchange.survey = survey;
    let mut headers = std::mem::take(&mut parts.headers);
    if let Some(host) = host_sent {
        headers.insert(HOST, host);
    }
    if survey.has(Asked::COOKIES) {
        join_cookies(&mut headers);
    }
    let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let secure = tls::secure(session);
    let Vouched { client, id, trace } =
        forward::vouch(&mut headers, survey, peer, secure.is_some(), &exchange.generation, edge);
    exchange.trace = trace;
    let host = host_of(&headers);
    let is_misdirected = secure.is_some_and(|secure| secure.is_misdirected(&host));
    exchange.asked = Some(target.clone());
    let subject = &mut *exchange.subject;
    // What filters may add is counted from what the client sent: the proxy puts little beside it.
    let headers = Headers::counted(headers, survey.bytes);
    subject.head = RequestHead::new(std::mem::take(&mut parts.method), host, target, headers);
    (subject.client, subject.id) = (client, id);
    subject.tls = secure.map(|secure| Arc::clone(&secure.tls));
    if is_misdirected {
        give_back(session, exchange, parts);
        return Err(Failure::Misdirected);
    }
    Ok(parts)
}

/// Gives the head back to the session, as the filters left it.
///
/// Without Pingora's map of the names' original case: it would have to be kept
/// in step with every edit (Pingora panics where it is not), and copied for
/// each upstream. Names are case-insensitive (RFC 9110 section 5.1).
pub(super) fn give_back(session: &mut Session, exchange: &mut Exchange, mut parts: Parts) {
    let head = &mut exchange.subject.head;
    parts.method = head.method.clone();
    parts.headers = std::mem::take(&mut head.headers).into_map();
    exchange.is_for_next_hop =
        hop::is_for_next(&mut parts.headers, exchange.survey, !exchange.calls.is_empty());
    // In origin form: the authority is in `host`, where HTTP/1 has it.
    parts.uri = Uri::from(head.target.clone());
    *session.req_header_mut() = RequestHeader::from(parts);
}

/// Refuses what is too large or can not be routed, before anything is done with it.
fn check(head: &RequestHeader, headers: &HeaderMap, limits: &Limits) -> Result<Survey, Failure> {
    if head.method == Method::CONNECT {
        return Err(Failure::Connect);
    }
    if head.raw_path().len() as u64 > limits.target.0 {
        return Err(Failure::TargetTooLong);
    }
    let survey = Survey::of(headers);
    if headers.len() > limits.header_lines as usize || survey.bytes as u64 > limits.header_bytes.0 {
        return Err(Failure::HeadTooLarge);
    }
    // Its lossy rendering would be another path than the origin's.
    if !head.raw_path_is_utf8() {
        return Err(Failure::Malformed);
    }
    Ok(survey)
}

/// The authority of the request target, where it has one: of HTTP/2's
/// `:authority`, or of HTTP/1's absolute form. Pingora has refused requests
/// whose `host` says otherwise.
fn authority(head: &RequestHeader) -> Option<HeaderValue> {
    if let Some(authority) = head.uri.authority() {
        return HeaderValue::from_str(authority.as_str()).ok();
    }
    let raw = head.raw_path();
    if raw.starts_with(b"/") {
        return None;
    }
    let absolute = Uri::try_from(raw).ok()?;
    HeaderValue::from_str(absolute.authority()?.as_str()).ok()
}

/// HTTP/2 clients may send each cookie in a line of its own; the next hop is HTTP/1, where it must be one (RFC 9113
/// section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if let (Some(first), Some(_)) = (lines.next(), lines.next()) {
        let mut joined = first.as_bytes().to_vec();
        for line in headers.get_all(COOKIE).iter().skip(1) {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(line.as_bytes());
        }
        if let Ok(joined) = HeaderValue::from_bytes(&joined) {
            headers.insert(COOKIE, joined);
        }
    }
}

/// The host asked for: lower case, without the port; empty where there is none.
fn host_of(headers: &HeaderMap) -> Box<str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        // Not the last colon of an IPv6 address.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !unclosed(name) => name,
        Some(_) | None => host,
    };
    let mut name: Box<str> = name.into();
    name.make_ascii_lowercase();
    name
}

fn unclosed(host: &str) -> bool {
    host.starts_with('[') && !host.ends_with(']')
}

#[cfg(test)]
mod tests;
