//! A few setups of the edge, as a table: what `cargo xtask load-test` shows.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::contender::Contender;
use crate::ground::{Bench, Extent, Tools};
use crate::machine::Machine;
use crate::measure::{How, measure};
use crate::peer::Programs;
use crate::samples::{Figure, Samples, Spot};
use crate::setup::{Filters, Instances, Setup};
use crate::study::{Entry, Run, Study};
use crate::verdict::MEBIBYTE;

/// Measures the edge alone, in a few setups, and prints a table
///
/// An error, or a swap that does not go live, ends it with 1.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    extent: Extent,
    /// What to measure; may be given more than once. All, if not given.
    #[arg(long = "scenario", value_enum)]
    scenarios: Vec<Scenario>,
    /// Time between two swaps, in the scenario that swaps.
    #[arg(long, default_value_t = 100, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    swap_every: u64,
    /// Where to write what was measured, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A setup, and what happens to it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// No filter: what the proxy itself costs.
    Empty,
    /// The `headers` filter, fresh instances.
    One,
    /// All four filters, fresh instances.
    Fresh,
    /// All four filters, instances used again.
    Reuse,
    /// All four filters, fresh instances, and swaps all the time.
    Swaps,
}

impl Scenario {
    fn setup(self) -> Setup {
        match self {
            Self::Empty => Setup::of(Filters::None, Instances::Fresh),
            Self::One => Setup::of(Filters::One, Instances::Fresh),
            Self::Fresh | Self::Swaps => Setup::of(Filters::Four, Instances::Fresh),
            Self::Reuse => Setup::of(Filters::Four, Instances::Reuse),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Empty => "no filter",
            Self::One => "one filter, fresh",
            Self::Fresh => "four filters, fresh",
            Self::Reuse => "four filters, reuse",
            Self::Swaps => "four, fresh, swapped",
        }
    }
}

impl Arguments {
    pub(crate) fn run(self) -> Result<bool> {
        let bench = Bench::set_up(&self.tools, Programs::default(), self.extent)?;
        let chosen = if self.scenarios.is_empty() { Scenario::value_variants() } else { &self.scenarios };
        let mut run = Run::new(&bench);
        let entry = |scenario: &Scenario| Entry {
            who: scenario.title().to_owned(),
            at: 0,
            contender: Contender::Edge(scenario.setup()),
        };
        let entries: Vec<_> = chosen.iter().map(entry).collect();
        let every = Duration::from_millis(self.swap_every);
        run.rounds(Study::Contenders, &entries, |entry, round| {
            let swap_every = (entry.who == Scenario::Swaps.title()).then_some(every);
            measure(&bench, &entry.contender, How { swap_every, ..How::CLOSED }, round)
        })?;
        let machine = Machine::look(bench.cores().count());
        let text = format!("\n{}\n{}\n\n{}", machine, bench.oha.version(), table(&entries, &run.samples));
        std::io::stdout().write_all(text.as_bytes())?;
        if let Some(path) = &self.json {
            let json = serde_json::to_string_pretty(&run.samples)? + "\n";
            fs::write(path, json).with_context(|| format!("{} can not be written", path.display()))?;
        }
        Ok(run.samples.iter().all(|sample| sample.errors.is_empty()))
    }
}

fn table(entries: &[Entry], samples: &Samples) -> String {
    let mut text =
        "scenario               requests/s   CPU µs/request   × no filter   peak MiB   generations\n"
            .to_owned();
    for entry in entries {
        let spot = Spot(&entry.who, 0);
        let empty = Spot(Scenario::Empty.title(), 0);
        let shown =
            |value: Option<f64>, digits| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        let median = |figure| samples.median(Study::Contenders, spot, figure);
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "{:<22} {:>10} {:>16} {:>13} {:>10} {:>13}",
            entry.who,
            shown(median(Figure::PerSecond), 0),
            shown(median(Figure::Cpu), 1),
            shown(samples.ratio(Study::Contenders, spot, empty, Figure::Cpu), 2),
            shown(median(Figure::PeakMemory).map(|bytes| bytes / MEBIBYTE), 1),
            shown(median(Figure::Generations), 0),
        );
    }
    for sample in samples.iter() {
        for (what, count) in &sample.errors {
            let _ = writeln!(text, "error in `{}`, round {}: {count} × {what}", sample.who, sample.round);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::samples;

    #[test]
    fn a_table_says_what_was_measured() {
        let entry = |scenario: Scenario| Entry {
            who: scenario.title().to_owned(),
            at: 0,
            contender: Contender::Edge(scenario.setup()),
        };
        let entries = [entry(Scenario::Empty), entry(Scenario::Fresh)];
        let series: &[(&str, usize, &[f64])] =
            &[("no filter", 0, &[40.0]), ("four filters, fresh", 0, &[100.0])];
        assert_eq!(
            table(&entries, &samples(Study::Contenders, Figure::Cpu, series)),
            "\
scenario               requests/s   CPU µs/request   × no filter   peak MiB   generations
no filter                       -             40.0          1.00          -             -
four filters, fresh             -            100.0          2.50          -             -
"
        );
    }
}
