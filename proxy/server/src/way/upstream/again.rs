//! What becomes of an exchange whose endpoint has failed: whether another is asked, and which.

use std::time::Instant;

use edgeloom_core::retry::{Situation, Trouble};
use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;

use super::{choice, deadline};
use crate::descriptors;
use crate::exchange::Exchange;
use crate::limits::STALE_MAX;
use crate::rescue::Failure;
use crate::upstreams::Watch;

/// Remembers the endpoint that could not be connected to, and lets another be tried.
pub(in crate::way) fn unreachable(
    session: &Session,
    exchange: &mut Exchange,
    mut error: Box<Error>,
) -> Box<Error> {
    if descriptors::is_shortage(error.root_cause()) {
        // No other endpoint can be reached either, and none of them has done anything wrong.
        exchange.failure = Some(Failure::Busy);
        error.set_retry(false);
        return error;
    }
    let again = again(session, exchange, Trouble::Connect);
    error.set_retry(again);
    error
}

/// Something has failed after the endpoint was connected to: it, the client, or we.
pub(in crate::way) fn failed(
    session: &Session,
    exchange: &mut Exchange,
    mut error: Box<Error>,
    reused: bool,
) -> Box<Error> {
    let reused = reused || exchange.attempt.as_ref().is_some_and(|attempt| attempt.reused);
    error.retry.decide_reuse(reused);
    let stale = error.retry();
    let Some(trouble) = trouble_of(&error, exchange) else {
        error.set_retry(false);
        return error;
    };
    if stale && trouble == Trouble::Reset && once_more(session, exchange) {
        error.set_retry(true);
        return error;
    }
    let again = again(session, exchange, trouble);
    if !again && trouble == Trouble::Timeout {
        exchange.failure.get_or_insert(Failure::UpstreamTimeout);
    }
    error.set_retry(again);
    error
}

/// What the endpoint did wrong, if it was the endpoint.
fn trouble_of(error: &Error, exchange: &Exchange) -> Option<Trouble> {
    let attempt = exchange.attempt.as_ref()?;
    if exchange.failure == Some(Failure::BodyTooLarge) {
        return None;
    }
    if let Some(status) = attempt.refused {
        return Some(Trouble::Status(status));
    }
    if attempt.watch.as_ref().is_some_and(Watch::has_fired) {
        return Some(Trouble::Timeout);
    }
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Some(Trouble::Timeout),
        (ErrorSource::Upstream, _) => Some(Trouble::Reset),
        (ErrorSource::Downstream | ErrorSource::Internal | ErrorSource::Unset, _) => None,
    }
}

/// A connection that had lain idle was closed by the endpoint as we sent a request on it: no fault of anybody's, and a
/// new one is tried, at the same endpoint.
fn once_more(session: &Session, exchange: &mut Exchange) -> bool {
    let repeatable =
        !session.as_ref().retry_buffer_truncated() && session.req_header().method.is_idempotent();
    if !repeatable || exchange.switches || is_answered(session, exchange) || exchange.stale >= STALE_MAX {
        return false;
    }
    let Some(attempt) = exchange.attempt.take() else { return false };
    exchange.stale += 1;
    exchange.next = Some(attempt.into());
    true
}

/// Whether the request is sent to another endpoint, now that this one has failed; which one is remembered.
fn again(session: &Session, exchange: &mut Exchange, trouble: Trouble) -> bool {
    settle(exchange, trouble);
    if !may_be_repeated(session, exchange, trouble) {
        return false;
    }
    let Ok(next) = choice::choose(exchange, &session.req_header().headers) else { return false };
    let allowed =
        exchange.cluster().is_some_and(|(_, cluster)| cluster.upstream.may_retry(&cluster.plan.retry));
    exchange.next = allowed.then_some(next);
    allowed
}

fn may_be_repeated(session: &Session, exchange: &Exchange, trouble: Trouble) -> bool {
    let situation = Situation {
        trouble,
        method: &session.req_header().method,
        tries: exchange.tried.len() + 1,
        answered: is_answered(session, exchange),
        repeatable: !session.as_ref().retry_buffer_truncated(),
    };
    let in_time =
        deadline(exchange, |cluster| cluster.plan.timeouts.total).is_none_or(|due| Instant::now() < due);
    let sent = exchange.switches && trouble != Trouble::Connect;
    !sent && in_time && exchange.cluster().is_some_and(|(_, cluster)| cluster.plan.retry.allows(situation))
}

/// Whether the client may have seen the beginning of a response, or a filter has.
fn is_answered(session: &Session, exchange: &Exchange) -> bool {
    let written = session.response_written().is_some_and(|response| !response.status.is_informational());
    written || exchange.heard_upstream.is_some()
}

/// The endpoint of this try has failed: it is remembered.
pub(super) fn settle(exchange: &mut Exchange, trouble: Trouble) {
    let Some(attempt) = &mut exchange.attempt else { return };
    attempt.trouble = Some(trouble);
    attempt.watch = None;
    attempt.busy = None;
    let Some(cluster) = exchange.generation.cluster(attempt.cluster) else { return };
    let Some(members) = attempt.members.as_deref().or_else(|| cluster.roster.fixed()) else { return };
    let Some(member) = members.get(attempt.position) else { return };
    if trouble == Trouble::Connect {
        cluster.upstream.counts.connect_failures.add();
    }
    let endpoint = &member.endpoint;
    if let Some(time) = endpoint.failed(trouble, cluster.plan.eject.as_ref(), || members.ejected()) {
        let (cluster, endpoint) = (&*cluster.name, &endpoint.at);
        tracing::warn!(cluster, %endpoint, ?time, "endpoint {endpoint} is ejected for {time:.0?}: it fails again and again");
    }
    if let Some(breaks) = &cluster.plan.breaker {
        cluster.upstream.tell_breaker(breaks, attempt.probe, false);
    }
}

/// Whether a response is not passed on, because another endpoint may have a better one.
pub(super) fn is_refused(session: &Session, status: StatusCode, exchange: &mut Exchange) -> bool {
    let on = exchange.cluster().is_some_and(|(_, cluster)| cluster.plan.retry.is_on(status));
    if !on || !may_be_repeated(session, exchange, Trouble::Status(status)) {
        return false;
    }
    let Some(attempt) = &mut exchange.attempt else { return false };
    attempt.refused = Some(status);
    // While it is being chosen, the one that answered counts as tried.
    attempt.trouble = Some(Trouble::Status(status));
    let another = choice::choose(exchange, &session.req_header().headers).is_ok();
    if let Some(attempt) = exchange.attempt.as_mut().filter(|_| !another) {
        (attempt.refused, attempt.trouble) = (None, None);
    }
    another
}
