//! What our filters say to the answer, whoever made it.

use std::time::Instant;

use edgeloom_core::head::ResponseHead;
use edgeloom_host::ResponseSubject;
use http::StatusCode;
use http::response::Parts;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;

use crate::exchange::{Call, Exchange, Outcome, Phase};
use crate::rescue::Failure;
use crate::way::request_chain::settle;

/// Passes a response that came from upstream through the chain.
///
/// # Errors
///
/// Where a filter's fault is to fail the exchange; `fail_to_proxy` finds it in there.
pub(super) fn pass(header: &mut ResponseHeader, exchange: &mut Exchange) -> Result<()> {
    // 1xx heads come before the response, all but the one that ends HTTP; no filter is made for them.
    if header.status.is_informational() && header.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    let now = Instant::now();
    exchange.heard_upstream = Some(now);
    if !is_due(exchange) {
        return Ok(());
    }
    let empty = ResponseHeader::from(http::Response::new(()).into_parts().0);
    let mut parts = Parts::from(std::mem::replace(header, empty));
    let mut head = ResponseHead::new(parts.status, std::mem::take(&mut parts.headers));
    let ran = run(&mut head, exchange, now);
    parts.status = head.status;
    parts.headers = head.headers.into_map();
    *header = ResponseHeader::from(parts);
    ran.map_err(|failure| {
        exchange.failure = Some(failure);
        Error::explain(ErrorType::InternalError, "a filter failed").into_in()
    })
}

/// Whether any filter wants to see the response.
pub(super) fn is_due(exchange: &Exchange) -> bool {
    let responds = |ran: &crate::exchange::Ran| {
        exchange.generation.filter(ran.filter).is_some_and(|loaded| loaded.phases.response)
    };
    !exchange.response_chain_ran && exchange.ran.iter().any(responds)
}

/// Runs the response phases of the filters that saw the request, last first; it is now.
///
/// # Errors
///
/// A fault of a filter whose operator wants exchanges to fail with it.
pub(super) fn run(
    head: &mut ResponseHead,
    exchange: &mut Exchange,
    mut clock: Instant,
) -> Result<(), Failure> {
    exchange.response_chain_ran = true;
    let Exchange { generation, subject, ran, calls, .. } = exchange;
    let mut response = ResponseSubject::new(std::mem::take(head), std::mem::take(&mut subject.facts));
    response.tls.clone_from(&subject.tls);
    let mut settled = Ok(());
    for due in ran.iter().rev() {
        let Some(loaded) = generation.filter(due.filter).filter(|loaded| loaded.phases.response) else {
            continue;
        };
        let done = loaded.filter.on_response(&mut response, &due.memo);
        let now = Instant::now();
        let took = now - std::mem::replace(&mut clock, now);
        loaded.metrics.response.calls.observe(took);
        let outcome = match done {
            Ok(()) => Outcome::Proceeded,
            Err(fault) => {
                loaded.metrics.response.fault(fault.kind());
                settled = settle(&fault, loaded.filter.on_fault());
                Outcome::Faulted(fault)
            }
        };
        calls.push(Call { filter: due.filter, phase: Phase::Response, took, outcome });
        if settled.is_err() {
            break;
        }
    }
    *head = response.head;
    subject.facts = response.facts;
    settled
}
