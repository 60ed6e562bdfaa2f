//! Cost against the number of small filters, and against the size of a filter's settings.

use anyhow::Result;

use super::contenders::PINGORA;
use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::measure::{How, measure};
use crate::setup::{Instances, Setup};

pub(crate) const FRESH: &str = "edgeloom small fresh";
pub(crate) const REUSE: &str = "edgeloom small reuse";
const SERIES: [(&str, Instances); 2] = [(FRESH, Instances::Fresh), (REUSE, Instances::Reuse)];

/// How many filters are in a chain.
const COUNTS: [usize; 6] = [0, 1, 2, 4, 8, 16];

/// KiB of settings.
const SIZES: [usize; 5] = [0, 1, 16, 128, 1024];

pub(crate) fn count(run: &mut Run<'_>) -> Result<()> {
    let mut entries = vec![Entry::of(PINGORA)];
    for at in COUNTS {
        entries.extend(SERIES.map(|(who, instances)| small(who, at, Setup::small(at, instances))));
    }
    closed(run, Study::Filters, &entries)
}

pub(crate) fn size(run: &mut Run<'_>) -> Result<()> {
    let mut entries = Vec::new();
    for at in SIZES {
        let setup = |instances| Setup { table: at << 10, ..Setup::small(1, instances) };
        entries.extend(SERIES.map(|(who, instances)| small(who, at, setup(instances))));
    }
    closed(run, Study::Settings, &entries)
}

fn small(who: &str, at: usize, setup: Setup) -> Entry {
    Entry { who: who.to_owned(), at, contender: Contender::Edge(setup) }
}

fn closed(run: &mut Run<'_>, study: Study, entries: &[Entry]) -> Result<()> {
    let bench = run.bench;
    run.rounds(study, entries, |entry, round| measure(bench, &entry.contender, How::CLOSED, round))
}
