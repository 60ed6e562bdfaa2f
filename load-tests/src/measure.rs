//! One measurement: a contender is started, asked, and ended.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::contender::{Contender, Live};
use crate::cores::Seat;
use crate::ground::Bench;
use crate::oha::{Pace, Seen};
use crate::samples::Figure;
use crate::swapper::Swapper;

/// What one measurement found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) figures: BTreeMap<Figure, f64>,
    pub(crate) errors: BTreeMap<String, u64>,
}

/// How it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) pace: Pace,
    pub(crate) seat: Seat,
    /// Time between two swaps, if there are any.
    pub(crate) swap_every: Option<Duration>,
    /// For at least so long, also where the rest is measured for less.
    pub(crate) least: Duration,
}

impl How {
    /// As fast as it can, alone on its core.
    pub(crate) const CLOSED: Self =
        Self { pace: Pace::Closed, seat: Seat::Alone, swap_every: None, least: Duration::ZERO };
}

/// Has it asked by the visitors of this round, who are the same for every contender.
pub(crate) fn measure(bench: &Bench, contender: &Contender, how: How, round: u32) -> Result<Found> {
    let (north, south) = bench.origins();
    let live = contender.start_at(how.seat, bench, north.address(), south.address(), bench.database())?;
    let visitors = live.welcome(bench.atlas().draw(round.into(), bench.visitors())?)?;
    let ask = |span| {
        let ask = || bench.oha.ask(live.address(), &visitors, how.pace, span);
        // Load is where it always is, unless the contender is there too.
        if how.seat == Seat::Everywhere { bench.cores().on(how.seat, ask)? } else { ask() }
    };
    ask(WARM_UP)?;
    let first = visitors.first().context("nobody asks")?;
    let edge = live.edge().filter(|_| how.swap_every.is_some());
    let swaps = edge.zip(how.swap_every).map(|(edge, every)| Swapper::start(edge, bench, first, every));
    let swaps = swaps.transpose()?;
    let before = live.tree.cpu()?;
    let seen = ask(bench.span().max(how.least))?;
    let spent = live.tree.cpu()?.saturating_sub(before);
    let swapped = swaps.map(Swapper::finish).transpose()?;
    let mut found = found(&live, seen, spent)?;
    if let Some(swapped) = swapped {
        ensure!(swapped.generations > 0, "no swap went live");
        found.figures.insert(Figure::Generations, count(swapped.generations));
    }
    live.end()?;
    Ok(found)
}

fn found(live: &Live, seen: Seen, spent: Duration) -> Result<Found> {
    ensure!(seen.requests > 0, "nothing was asked");
    let mut figures = BTreeMap::from([
        (Figure::Cpu, spent.as_secs_f64() * 1e6 / count(seen.requests)),
        (Figure::Requests, count(seen.requests)),
        (Figure::PerSecond, seen.per_second),
        (Figure::Memory, count(live.tree.memory()?)),
        (Figure::PeakMemory, count(live.tree.peak_memory()?)),
    ]);
    let percentiles = seen.percentiles.into_iter();
    figures.extend(percentiles.filter_map(|(percent, ms)| Some((Figure::of_percent(percent)?, ms))));
    let mut errors = seen.errors;
    errors.extend(live.faults()?);
    Ok(Found { figures, errors })
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
pub(crate) fn count(count: u64) -> f64 {
    count as f64
}

/// Connections are opened, caches are warm, instances are there.
const WARM_UP: Duration = Duration::from_secs(1);
