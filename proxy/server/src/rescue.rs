//! What can go wrong with an exchange, and what the client is told of it.

use std::io;

use edgeloom_core::fault::FaultKind;
use edgeloom_core::forward;
use edgeloom_core::page::Told;
use edgeloom_core::verdict::Answer;
use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_proxy::{FailToProxy, Session};

use crate::exchange::Exchange;
use crate::upstreams::trouble::{Distrust, Trouble};
use crate::way;

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the request is malformed")]
    Malformed,
    #[error("CONNECT is not served")]
    Connect,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the request head is too large")]
    HeadTooLarge,
    #[error("the host is not one that the connection's certificate is for")]
    Misdirected,
    #[error("the edge has its hands full")]
    Busy,
    #[error("the request body is too large")]
    BodyTooLarge,
    #[error("no route")]
    NoRoute,
    #[error("a filter failed: {}", .0.name())]
    Filter(FaultKind),
    #[error("no endpoint")]
    NoEndpoint,
    #[error("the cluster has its hands full")]
    Overloaded,
    #[error("the cluster is left in peace")]
    BreakerOpen,
    #[error("the endpoint could not be connected to")]
    Unreachable,
    #[error("the endpoint's certificate is not trusted: {0}")]
    UpstreamDistrusted(Distrust),
    #[error("no TLS with the endpoint")]
    UpstreamHandshake,
    #[error("the endpoint does not speak HTTP/2")]
    UpstreamNotHttp2,
    #[error("the endpoint took too long over the TLS handshake")]
    UpstreamHandshakeTimeout,
    #[error("the endpoint took too long")]
    UpstreamTimeout,
    #[error("the endpoint broke off")]
    UpstreamBrokeOff,
    #[error("the endpoint's response is malformed")]
    UpstreamMalformed,
    #[error("the client took too long")]
    ClientTimeout,
    #[error("the client has gone")]
    ClientGone,
    #[error("a shutdown did not wait any longer")]
    Cut,
    #[error("an error of the edge itself")]
    Internal,
}

/// What the client is told. The log line says the rest.
pub(crate) fn told(failure: Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Malformed => (StatusCode::BAD_REQUEST, "The request is malformed."),
        Failure::Connect => (StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not served."),
        Failure::TargetTooLong => (StatusCode::URI_TOO_LONG, "The path and query are too long."),
        Failure::HeadTooLarge => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's headers are too large.")
        }
        Failure::Misdirected => {
            (StatusCode::MISDIRECTED_REQUEST, "This host is not served on this connection.")
        }
        Failure::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too much is going on here. Try again soon."),
        Failure::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large."),
        Failure::NoRoute => (StatusCode::NOT_FOUND, "There is nothing here."),
        Failure::Filter(FaultKind::Overran) => {
            (StatusCode::GATEWAY_TIMEOUT, "The request could not be processed in time.")
        }
        Failure::Filter(FaultKind::Returned | FaultKind::Trapped | FaultKind::Outgrew) => {
            (StatusCode::BAD_GATEWAY, "The request could not be processed.")
        }
        Failure::NoEndpoint => (StatusCode::SERVICE_UNAVAILABLE, "No server is there to answer."),
        Failure::UpstreamDistrusted(_) | Failure::UpstreamHandshake => {
            (StatusCode::BAD_GATEWAY, "The server could not be trusted.")
        }
        Failure::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "Too many want the same. Try again soon."),
        Failure::BreakerOpen => (StatusCode::SERVICE_UNAVAILABLE, "The server needs a moment."),
        Failure::Unreachable | Failure::UpstreamNotHttp2 => {
            (StatusCode::BAD_GATEWAY, "The server could not be reached.")
        }
        Failure::UpstreamTimeout | Failure::UpstreamHandshakeTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "The server did not answer in time.")
        }
        Failure::UpstreamBrokeOff | Failure::UpstreamMalformed => {
            (StatusCode::BAD_GATEWAY, "The server did not give a whole answer.")
        }
        Failure::ClientTimeout => (StatusCode::REQUEST_TIMEOUT, "The request did not come in time."),
        // Nobody is there to read it; the status is what the log says.
        Failure::ClientGone => (StatusCode::BAD_REQUEST, ""),
        Failure::Cut => {
            (StatusCode::SERVICE_UNAVAILABLE, "Everything here is being shut down. Try again soon.")
        }
        Failure::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here."),
    }
}

/// The answer to a failure, in the form that the request asks for.
pub(crate) fn answer_for(failure: Failure, session: &Session, exchange: &mut Exchange) -> Answer {
    let (status, message) = told(failure);
    say(status, message, is_of_a_limit(failure), session, exchange)
}

/// Whether it is no fault of anybody that this can not be served, but a bound on how much there may be.
fn is_of_a_limit(failure: Failure) -> bool {
    use Failure::{BodyTooLarge, Busy, HeadTooLarge, Overloaded, TargetTooLong};
    matches!(failure, BodyTooLarge | Busy | HeadTooLarge | Overloaded | TargetTooLong)
}

/// The page for a status.
pub(crate) fn page(status: StatusCode, message: &str, session: &Session, exchange: &mut Exchange) -> Answer {
    say(status, message, false, session, exchange)
}

fn say(
    status: StatusCode,
    message: &str,
    exhausted: bool,
    session: &Session,
    exchange: &mut Exchange,
) -> Answer {
    // A head that is refused at once was not read for the one it may have.
    if exchange.subject.id.is_empty() {
        exchange.subject.id = forward::fresh_id(|| fastrand::u64(..));
    }
    let told = Told { status, message, id: &exchange.subject.id, exhausted };
    exchange.generation.pages.answer(told, &session.req_header().headers)
}

/// Answers for a failure before an upstream was involved.
///
/// # Errors
///
/// Where the client can not be written to.
pub(crate) async fn send(session: &mut Session, exchange: &mut Exchange, failure: Failure) -> Result<()> {
    exchange.failure = Some(failure);
    if matches!(failure, Failure::Connect | Failure::BodyTooLarge) {
        // What follows was meant for somebody else, and is no request; or it is what nobody wants to read.
        session.set_keepalive(None);
    }
    let answer = answer_for(failure, session, exchange);
    way::answer::send(session, exchange, answer).await
}

/// Answers for a failure on the way to an upstream or back, if that can still be done.
///
/// `cut` is whether a shutdown has waited for as long as it may: then it is we who have ended the client's connection.
pub(crate) async fn fail(
    session: &mut Session,
    error: &Error,
    exchange: &mut Exchange,
    cut: bool,
) -> FailToProxy {
    let begun = session.response_written().is_some_and(|response| !response.status.is_informational());
    if begun && exchange.failure.is_none() && is_answered_early(error, exchange) {
        return FailToProxy { error_code: 0, can_reuse_downstream: false };
    }
    let failure = *exchange.failure.get_or_insert_with(|| match failure_of(error) {
        Failure::ClientGone if cut => Failure::Cut,
        failure => failure,
    });
    let mut error_code = 0;
    if !begun && failure != Failure::ClientGone {
        let answer = answer_for(failure, session, exchange);
        error_code = answer.status.as_u16();
        // Pingora closes the connection after this; the client should know.
        session.set_keepalive(None);
        if way::answer::send(session, exchange, answer).await.is_err() && failure != Failure::Cut {
            exchange.failure = Some(Failure::ClientGone);
        }
    }
    FailToProxy { error_code, can_reuse_downstream: false }
}

/// Whether an endpoint has answered and did not want to hear the rest of the request. Where others share its connection,
/// Pingora passes the whole of the answer on, and calls it an error of nobody's then that the request was not.
fn is_answered_early(error: &Error, exchange: &Exchange) -> bool {
    let shared = exchange.attempt.as_ref().is_some_and(|attempt| attempt.times.is_some());
    shared && matches!((error.esource(), error.etype()), (ErrorSource::Unset, ErrorType::WriteError))
}

/// Pingora's error, in our words.
fn failure_of(error: &Error) -> Failure {
    use ErrorType::{
        ConnectionClosed, H2Error, InvalidHTTPHeader, ReadError, ReadTimedout, WriteError, WriteTimedout,
    };
    match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, ReadTimedout | WriteTimedout) => Failure::ClientTimeout,
        (ErrorSource::Downstream, ReadError | WriteError)
            if of_connection(error) == Some(io::ErrorKind::TimedOut) =>
        {
            Failure::ClientTimeout
        }
        (ErrorSource::Downstream, ReadError) if of_connection(error) == Some(io::ErrorKind::InvalidData) => {
            Failure::Malformed
        }
        (ErrorSource::Downstream, ConnectionClosed | H2Error | ReadError | WriteError) => Failure::ClientGone,
        (ErrorSource::Downstream, _) => Failure::Malformed,
        (ErrorSource::Upstream, ReadTimedout | WriteTimedout) => Failure::UpstreamTimeout,
        (ErrorSource::Upstream, ConnectionClosed | ReadError | WriteError) => Failure::UpstreamBrokeOff,
        (ErrorSource::Upstream, InvalidHTTPHeader | ErrorType::H1Error) => Failure::UpstreamMalformed,
        (ErrorSource::Upstream, _) => match Trouble::of(error) {
            Trouble::Late => Failure::UpstreamTimeout,
            Trouble::LateHandshake => Failure::UpstreamHandshakeTimeout,
            Trouble::Distrusted(why) => Failure::UpstreamDistrusted(why),
            Trouble::Handshake => Failure::UpstreamHandshake,
            Trouble::NotHttp2 => Failure::UpstreamNotHttp2,
            Trouble::Unreachable => Failure::Unreachable,
        },
        (ErrorSource::Internal | ErrorSource::Unset, _) => Failure::Internal,
    }
}

/// What our side of the connection said of it.
fn of_connection(error: &Error) -> Option<io::ErrorKind> {
    let source = error.root_cause();
    source.downcast_ref::<io::Error>().map(io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every failure, its status and its body, against `tests/golden/rescue.txt`; `BLESS=1` rewrites it.
    #[test]
    fn failures_are_answered_as_written_down() {
        let faults = FaultKind::ALL.map(Failure::Filter);
        let others = [
            Failure::Malformed,
            Failure::Connect,
            Failure::TargetTooLong,
            Failure::HeadTooLarge,
            Failure::Misdirected,
            Failure::Busy,
            Failure::BodyTooLarge,
            Failure::NoRoute,
            Failure::NoEndpoint,
            Failure::Overloaded,
            Failure::BreakerOpen,
            Failure::Unreachable,
            Failure::UpstreamDistrusted(Distrust::Expired),
            Failure::UpstreamHandshake,
            Failure::UpstreamNotHttp2,
            Failure::UpstreamHandshakeTimeout,
            Failure::UpstreamTimeout,
            Failure::UpstreamBrokeOff,
            Failure::UpstreamMalformed,
            Failure::ClientTimeout,
            Failure::ClientGone,
            Failure::Cut,
            Failure::Internal,
        ];
        let line = |failure: &Failure| {
            let (status, message) = told(*failure);
            format!("{:<40} {} {message}", failure.to_string(), status.as_u16()).trim_end().to_owned() + "\n"
        };
        let written: String = others.iter().chain(&faults).map(line).collect();
        let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rescue.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &written).unwrap();
        }
        assert_eq!(written, std::fs::read_to_string(&golden).unwrap());
    }
}
