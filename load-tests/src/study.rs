//! What is measured: studies, each of some contenders in interleaved rounds.

pub(crate) mod connections; // memory against idle connections
pub(crate) mod contenders; // the same job by everybody: cost, throughput, latency
pub(crate) mod filters; // cost against the number of filters, and the size of their settings
pub(crate) mod rest; // starting, lying idle
pub(crate) mod swaps; // latency through a swap storm
pub(crate) mod tenants; // many tenants, many routes
pub(crate) mod workers; // throughput against workers

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use clap::ValueEnum;
use fastrand::Rng;
use serde::Serialize;

use crate::contender::Contender;
use crate::ground::Bench;
use crate::measure::Found;
use crate::samples::{Sample, Samples};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Study {
    /// What load and origin can do without anybody between them.
    Ceiling,
    /// CPU for each request, bare and with the job, by everybody.
    Contenders,
    /// Latency at a fixed rate.
    Latency,
    /// Cost against the number of small filters, fresh and reused.
    Filters,
    /// Cost against the size of a filter's settings.
    Settings,
    /// Throughput with one worker and two.
    Workers,
    /// Latency through swaps.
    Swaps,
    /// Memory against idle connections.
    Connections,
    /// From the start of the process to the first filtered answer.
    Start,
    /// Memory of who has nothing to do.
    Idle,
    /// Start, memory and swaps with up to a thousand tenants, and with a hundred thousand routes.
    Tenants,
}

/// A series of a study at one place of its axis.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) who: String,
    pub(crate) at: usize,
    pub(crate) contender: Contender,
}

impl Entry {
    pub(crate) fn of(contender: Contender) -> Self {
        Self { who: contender.name(), at: 0, contender }
    }
}

/// A run of the bench, and what it has found so far.
pub(crate) struct Run<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) samples: Samples,
    /// Peers that could not be measured, by title, and why.
    pub(crate) left_out: BTreeMap<String, String>,
    /// Who has been seen doing the job.
    rehearsed: BTreeSet<(String, usize)>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(bench: &'a Bench) -> Self {
        Self { bench, samples: Samples::default(), left_out: BTreeMap::new(), rehearsed: BTreeSet::new() }
    }

    /// Measures all entries in each round, so that what else the machine does falls on all alike: each round
    /// in an order of its own, so that what it does for a minute does not fall on the same neighbours each
    /// time. The orders are the same in every run.
    ///
    /// A peer that can not be measured is left out, and the report says why. Edgeloom has to be.
    pub(crate) fn rounds(
        &mut self,
        study: Study,
        entries: &[Entry],
        measure: impl Fn(&Entry, u32) -> Result<Found>,
    ) -> Result<()> {
        self.rehearse(entries)?;
        for round in 1..=self.bench.extent.rounds {
            let mut order: Vec<_> = entries.iter().collect();
            Rng::with_seed(round.into()).shuffle(&mut order);
            for entry in order {
                let title = entry.contender.title();
                if self.left_out.contains_key(&title) {
                    continue;
                }
                eprintln!(
                    "{study:?}, round {round} of {}: {} ({})",
                    self.bench.extent.rounds, entry.who, entry.at
                );
                let measured = measure(entry, round).with_context(|| format!("{title}, round {round}"));
                if let Some(Found { figures, errors }) = self.or_left_out(entry, measured)? {
                    let Entry { who, at, .. } = entry.clone();
                    self.samples.add(Sample { study, who, at, round, figures, errors });
                }
            }
        }
        Ok(())
    }

    /// What was found of somebody who needs no rehearsal.
    pub(crate) fn add(&mut self, study: Study, who: &str, round: u32, found: Found) {
        let Found { figures, errors } = found;
        self.samples.add(Sample { study, who: who.to_owned(), at: 0, round, figures, errors });
    }

    /// Each of them once, before any time is taken.
    fn rehearse(&mut self, entries: &[Entry]) -> Result<()> {
        for entry in entries {
            if self.rehearsed.insert((entry.who.clone(), entry.at)) {
                eprintln!("rehearsal: {} ({})", entry.who, entry.at);
                let rehearsed = entry.contender.rehearse(self.bench);
                self.or_left_out(entry, rehearsed)?;
            }
        }
        Ok(())
    }

    fn or_left_out<T>(&mut self, entry: &Entry, result: Result<T>) -> Result<Option<T>> {
        match (result, entry.contender) {
            (Ok(done), _) => Ok(Some(done)),
            (Err(error), Contender::Edge(_)) => Err(error),
            (Err(error), Contender::Peer(..)) => {
                eprintln!("left out: {}: {error:#}", entry.contender.title());
                self.left_out.insert(entry.contender.title(), format!("{error:#}"));
                Ok(None)
            }
        }
    }
}
