//! How much a client may send.

use bytes::Bytes;
use edgeloom_core::survey::Asked;
use http::header::CONTENT_LENGTH;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use tokio::time::timeout;

use crate::exchange::Exchange;
use crate::limits::LINGER;
use crate::listen::is_stream;
use crate::rescue::Failure;

/// Refuses a body that says of itself that it is too large.
pub(super) fn check_length(session: &Session, exchange: &Exchange) -> Result<(), Failure> {
    if !exchange.survey.has(Asked::CONTENT_LENGTH) {
        return Ok(());
    }
    let Some(stated) = session.req_header().headers.get(CONTENT_LENGTH) else { return Ok(()) };
    let stated: Option<u64> = stated.to_str().ok().and_then(|stated| stated.parse().ok());
    match exchange.route() {
        Some(route) if stated.is_none_or(|stated| stated > route.body) => Err(Failure::BodyTooLarge),
        Some(_) | None => Ok(()),
    }
}

/// Hears out a client in HTTP/2 that was answered before it had sent everything: as soon as nobody wants the rest, its stream
/// is reset, and what of the answer has not been written by then is lost. It may take as long as in HTTP/1.1, where the
/// connection does this.
pub(super) async fn hear_out(session: &mut Session, exchange: &mut Exchange) {
    if !is_stream(session) || session.as_mut().is_body_done() || session.response_written().is_none() {
        return;
    }
    // Nothing is left of it but its client's patience.
    exchange.admitted = None;
    let rest = async { while let Ok(Some(_)) = session.downstream_session.read_request_body().await {} };
    let _ = timeout(LINGER, rest).await;
}

/// Counts what comes, and refuses it when it has become too much.
pub(super) fn count(body: Option<&Bytes>, exchange: &mut Exchange) -> Result<()> {
    let Some(bytes) = body else { return Ok(()) };
    exchange.body = exchange.body.saturating_add(bytes.len() as u64);
    if exchange.route().is_none_or(|route| exchange.body <= route.body) {
        return Ok(());
    }
    exchange.failure = Some(Failure::BodyTooLarge);
    if let Some(given_up) = exchange.attempt.as_ref().and_then(|attempt| attempt.given_up.as_ref()) {
        given_up.tell();
    }
    Err(Error::explain(ErrorType::HTTPStatus(413), "the request body is too large").into_down())
}
