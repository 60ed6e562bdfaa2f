//! What our filters say to the request.

use std::time::Instant;

use edgeloom_core::fault::{Fault, OnFault};
use edgeloom_core::verdict::Verdict;

use crate::exchange::{Call, Exchange, Outcome, Phase, Ran};
use crate::rescue::Failure;
use crate::way::Flow;

/// Runs the request phases of the route's chain, in order; stops at the first answer.
///
/// # Errors
///
/// A fault of a filter whose operator wants exchanges to fail with it.
pub(super) fn run(exchange: &mut Exchange) -> Result<Flow, Failure> {
    let Exchange { generation, subject, ran, calls, route, .. } = exchange;
    let Some(route) = route.and_then(|route| generation.route(route)) else {
        return Err(Failure::NoRoute);
    };
    if route.chain.is_empty() {
        return Ok(Flow::Onward);
    }
    calls.reserve(2 * route.chain.len());
    ran.reserve(route.chain.len());
    let mut clock = Instant::now();
    for link in &route.chain {
        let Some(loaded) = generation.filter(link.filter) else {
            continue;
        };
        if !link.always && !link.when.holds(&subject.head) {
            continue;
        }
        if !loaded.phases.request {
            ran.push(Ran { filter: link.filter, memo: Vec::new() });
            continue;
        }
        let verdict = loaded.filter.on_request(subject);
        let now = Instant::now();
        let took = now - std::mem::replace(&mut clock, now);
        loaded.metrics.request.calls.observe(took);
        let mut remember =
            |outcome| calls.push(Call { filter: link.filter, phase: Phase::Request, took, outcome });
        match verdict {
            Ok(Verdict::Proceed(memo)) => {
                remember(Outcome::Proceeded);
                ran.push(Ran { filter: link.filter, memo });
            }
            // Its response phase is not due.
            Ok(Verdict::Done) => remember(Outcome::Proceeded),
            Ok(Verdict::Answer(answer)) => {
                remember(Outcome::Answered);
                loaded.metrics.answers.add();
                return Ok(Flow::Answer(answer));
            }
            Err(fault) => {
                loaded.metrics.request.fault(fault.kind());
                let settled = settle(&fault, loaded.filter.on_fault());
                remember(Outcome::Faulted(fault));
                settled?;
            }
        }
    }
    Ok(Flow::Onward)
}

/// What the operator wants done about a fault.
pub(super) fn settle(fault: &Fault, on_fault: OnFault) -> Result<(), Failure> {
    match on_fault {
        OnFault::Skip => Ok(()),
        OnFault::Fail => Err(Failure::Filter(fault.kind())),
    }
}
