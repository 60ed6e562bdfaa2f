//! Throughput with one worker and two, on all cores.

use anyhow::Result;

use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::cores::Seat;
use crate::measure::{How, measure};
use crate::setup::{Filters, Instances, Setup};

/// One small filter that takes so long that load and origin hardly count.
pub(crate) const BURNING: &str = "edgeloom burning";
/// The four-part job, where two workers share two cores with load and origin.
pub(crate) const JOB: &str = "edgeloom reuse";

const WORKERS: [usize; 2] = [1, 2];

/// Turns of an empty loop: some milliseconds. With one millisecond, load and origin take a fifteenth of two cores, and
/// no two workers could come to 1.87 times what one does.
const BURN: u32 = 24_000_000;

pub(crate) fn run(run: &mut Run<'_>) -> Result<()> {
    let mut entries = Vec::new();
    for at in WORKERS {
        let job = Setup { workers: at, ..Setup::of(Filters::Four, Instances::Reuse) };
        let burning = Setup { workers: at, burn: BURN, ..Setup::small(1, Instances::Reuse) };
        let entry = |who: &str, setup| Entry { who: who.to_owned(), at, contender: Contender::Edge(setup) };
        entries.extend([entry(BURNING, burning), entry(JOB, job)]);
    }
    let bench = run.bench;
    let how = How { seat: Seat::Everywhere, ..How::CLOSED };
    run.rounds(Study::Workers, &entries, |entry, round| measure(bench, &entry.contender, how, round))
}
