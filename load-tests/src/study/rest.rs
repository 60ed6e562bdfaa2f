//! What a contender takes when it does not serve: until it does, and while nobody asks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Entry, Run, Study, contenders};
use crate::contender::{Contender, Live};
use crate::ground::Bench;
use crate::measure::{Found, count};
use crate::request::Visitor;
use crate::samples::Figure;

/// From the start of the process to the first answer that shows its filters' mark, with all that can be
/// kept from an earlier start.
pub(crate) fn start(run: &mut Run<'_>) -> Result<()> {
    let entries: Vec<_> = contenders::at_work().into_iter().map(Entry::of).collect();
    let bench = run.bench;
    run.rounds(Study::Start, &entries, |entry, round| first_answer(bench, &entry.contender, round))
}

fn first_answer(bench: &Bench, contender: &Contender, round: u32) -> Result<Found> {
    let (north, south) = bench.origins();
    let places = bench.atlas().draw(round.into(), 1)?;
    let visitor = Visitor::new(places.into_iter().next().context("nobody asks")?);
    let live = contender.start(bench, north.address(), south.address(), bench.database())?;
    let deadline = live.started + PATIENCE;
    while !is_answered(&live, &visitor) {
        ensure!(Instant::now() < deadline, "there is no filtered answer after {PATIENCE:?}");
    }
    let took = live.started.elapsed().as_secs_f64() * 1e3;
    live.end()?;
    Ok(Found { figures: BTreeMap::from([(Figure::FirstAnswer, took)]), errors: BTreeMap::new() })
}

/// A refusal, or a connection that breaks, is no error yet: some accept before they can serve.
fn is_answered(live: &Live, visitor: &Visitor) -> bool {
    let response = live.client.attempt(visitor.request());
    response.is_ok_and(|response| response.status() == 200 && response.header("x-served-by").is_some())
}

/// With a geo database that takes next to nothing, after it has served a few.
pub(crate) fn idle(run: &mut Run<'_>) -> Result<()> {
    let entries: Vec<_> =
        [Contender::EMPTY].into_iter().chain(contenders::at_work()).map(Entry::of).collect();
    let bench = run.bench;
    run.rounds(Study::Idle, &entries, |entry, round| {
        let (north, south) = bench.origins();
        let database = bench.small_database();
        let live = entry.contender.start(bench, north.address(), south.address(), &database)?;
        live.welcome(bench.atlas().draw(round.into(), bench.visitors())?)?;
        let figures = BTreeMap::from([(Figure::Memory, count(live.tree.memory()?))]);
        live.end()?;
        Ok(Found { figures, errors: BTreeMap::new() })
    })
}

const PATIENCE: Duration = Duration::from_secs(10);
