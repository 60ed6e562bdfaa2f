//! Latency through a swap storm, against the quiet.

use std::time::Duration;

use anyhow::Result;

use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::cores::Seat;
use crate::measure::{How, measure};
use crate::oha::Pace;

pub(crate) const QUIET: &str = "edgeloom quiet";
pub(crate) const STORM: &str = "edgeloom swapped";

/// One request of a thousand is to be more than the few that were unlucky with the machine.
const LEAST: Duration = Duration::from_secs(10);

/// On all cores: what is built for a swap is built beside the worker, as it is wherever there is a second core.
pub(crate) fn run(run: &mut Run<'_>, rate: u32, every: Duration) -> Result<()> {
    let entry = |who: &str| Entry { who: who.to_owned(), at: 0, contender: Contender::FRESH };
    let bench = run.bench;
    run.rounds(Study::Swaps, &[entry(QUIET), entry(STORM)], |entry, round| {
        let swap_every = (entry.who == STORM).then_some(every);
        let how = How { pace: Pace::Fixed(rate), seat: Seat::Everywhere, swap_every, least: LEAST };
        measure(bench, &entry.contender, how, round)
    })
}
