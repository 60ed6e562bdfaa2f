//! An answer of our own: made by a filter, or because something failed.

use std::time::Instant;

use bytes::Bytes;
use edgeloom_core::head::ResponseHead;
use edgeloom_core::page::reason;
use edgeloom_core::verdict::Answer;
use edgeloom_host::RequestSubject;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use pingora_core::Result;
use pingora_core::protocols::http::HttpTask;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::generation::{RouteAnswer, Says, Target};
use crate::listen::is_stream;
use crate::rescue::{self, Failure};
use crate::way::{Flow, compress, response_chain};

/// Sends an answer, through the response phases of the filters that saw the
/// request: security headers belong on answers of our own as well.
///
/// # Errors
///
/// Where the client can not be written to.
pub(crate) async fn send(session: &mut Session, exchange: &mut Exchange, answer: Answer) -> Result<()> {
    let Answer { status, headers, body } = answer;
    let mut head = ResponseHead::new(status, headers);
    if response_chain::is_due(exchange)
        && let Err(failure) = response_chain::run(&mut head, exchange, Instant::now())
    {
        let instead = instead(session, exchange, failure);
        return write(session, exchange, ResponseHead::new(instead.status, instead.headers), instead.body)
            .await;
    }
    write(session, exchange, head, body).await
}

/// What is sent where the response chain itself failed: it does not run twice.
fn instead(session: &Session, exchange: &mut Exchange, failure: Failure) -> Answer {
    exchange.failure.get_or_insert(failure);
    rescue::answer_for(failure, session, exchange)
}

/// What the exchange's route answers by itself, if it does, and no filter has sent the request on.
///
/// # Errors
///
/// Where the client is to be sent to the host that it asked for, and it asked for none.
pub(super) fn of_route(session: &Session, exchange: &mut Exchange) -> Result<Flow, Failure> {
    let Some(Target::Answer(own)) = exchange.route().map(|route| &route.target) else {
        return Ok(Flow::Onward);
    };
    if exchange.subject.cluster.is_some() {
        return Ok(Flow::Onward);
    }
    let RouteAnswer { status, headers, says } = &**own;
    let (status, mut headers) = (*status, headers.clone());
    let body = match says {
        Says::Body(body) => body.clone(),
        Says::Redirect(redirect) => {
            let location = redirect.location(&exchange.subject.head).ok_or(Failure::Malformed)?;
            headers.insert(LOCATION, location);
            Bytes::new()
        }
        Says::Page => {
            let mut page = rescue::page(status, reason(status), session, exchange);
            // Those of the operator replace those of the page.
            page.headers.extend(headers);
            return Ok(Flow::Answer(page));
        }
    };
    exchange.generation.pages.ask_again(status, &mut headers);
    Ok(Flow::Answer(Answer { status, headers, body }))
}

/// Sends a client in cleartext to TLS, where the listener is there for nothing else.
pub(super) fn to_https(exchange: &Exchange, listener: usize) -> Option<Result<Flow, Failure>> {
    let RequestSubject { head, client, .. } = &*exchange.subject;
    if !exchange.generation.entrance(listener).to_https || client.secure || head.path().starts_with(ACME) {
        return None;
    }
    if head.host.is_empty() {
        return Some(Err(Failure::Malformed));
    }
    let location = HeaderValue::try_from(format!("https://{}{}", head.host, head.target));
    Some(location.map_err(|_illegal| Failure::Malformed).map(|location| {
        let headers = HeaderMap::from_iter([(LOCATION, location)]);
        Flow::Answer(Answer { status: StatusCode::PERMANENT_REDIRECT, headers, body: Bytes::new() })
    }))
}

/// Under here lie the challenges of HTTP-01 (RFC 8555 section 8.3), which are asked for in cleartext.
const ACME: &str = "/.well-known/acme-challenge/";

/// Before a shutdown Pingora promises to keep the connection, and closes it
/// then: a client that sends its next request into that may lose it.
pub(super) fn say_if_it_is_the_last(session: &mut Session) {
    if session.is_process_shutting_down() {
        session.set_keepalive(None);
    }
}

async fn write(session: &mut Session, exchange: &Exchange, head: ResponseHead, body: Bytes) -> Result<()> {
    say_if_it_is_the_last(session);
    let status = head.status;
    let mut headers = head.headers.into_map();
    // 204 and 304 have no body, and 204 no length either (RFC 9110 section 8.6).
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if bodiless { body } else { compress::whole(session, exchange, status, &mut headers, body)? };
    if !bodiless {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut parts = http::Response::new(()).into_parts().0;
    parts.status = status;
    parts.headers = headers;
    let silent = bodiless || body.is_empty() || exchange.subject.head.method == Method::HEAD;
    let head = Box::new(ResponseHeader::from(parts));
    if silent && is_stream(session) {
        // Pingora's other way leaves the stream open; and gRPC reads a status in a head only where nothing follows.
        session.as_downstream_mut().response_duplex_vec(vec![HttpTask::Header(head, true)]).await?;
        return Ok(());
    }
    session.write_response_header(head, silent).await?;
    if !silent {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
