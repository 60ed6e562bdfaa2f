//! An answer of our own: made by a filter, or because something failed.

use std::time::Instant;

use edgeloom_core::head::ResponseHead;
use edgeloom_core::verdict::Answer;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::rescue::{self, Failure};
use crate::way::response_chain;

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
        let instead = instead(exchange, failure);
        return write(session, exchange, ResponseHead::new(instead.status, instead.headers), instead.body)
            .await;
    }
    write(session, exchange, head, body).await
}

/// What is sent where the response chain itself failed: it does not run twice.
fn instead(exchange: &mut Exchange, failure: Failure) -> Answer {
    exchange.failure.get_or_insert(failure);
    rescue::answer_for(failure)
}

/// Before a shutdown Pingora promises to keep the connection, and closes it
/// then: a client that sends its next request into that may lose it.
pub(super) fn say_if_it_is_the_last(session: &mut Session) {
    if session.is_process_shutting_down() {
        session.set_keepalive(None);
    }
}

async fn write(
    session: &mut Session,
    exchange: &Exchange,
    head: ResponseHead,
    body: bytes::Bytes,
) -> Result<()> {
    say_if_it_is_the_last(session);
    let status = head.status;
    let mut headers = head.headers.into_map();
    // 204 and 304 have no body, and 204 no length either (RFC 9110 section 8.6).
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut parts = http::Response::new(()).into_parts().0;
    parts.status = status;
    parts.headers = headers;
    let silent = bodiless || body.is_empty() || exchange.subject.head.method == Method::HEAD;
    session.write_response_header(Box::new(ResponseHeader::from(parts)), silent).await?;
    if !silent {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}
