//! What is told: a page for people, raw numbers for machines, plots for both.

mod chart; // a few kinds of plots
mod page; // the page
mod plots; // which plots

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::ground::Bench;
use crate::machine::Machine;
use crate::peer::Peer;
use crate::samples::Samples;
use crate::verdict::{Bound, Limit, bounds};

/// Everything that was measured, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    conditions: Conditions,
    bounds: Vec<Bound>,
    left_out: BTreeMap<String, String>,
    samples: Samples,
}

/// How it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Conditions {
    oha: String,
    rounds: u32,
    seconds: u64,
    visitors: usize,
    connections: u32,
    rate: u32,
    swap_every_ms: u64,
    /// Of the geo database.
    ranges: usize,
    /// Of the peers, as they say themselves.
    versions: Vec<String>,
}

impl Conditions {
    pub(crate) fn of(bench: &Bench, rate: u32, swap_every_ms: u64) -> Self {
        Self {
            oha: bench.oha.version().to_owned(),
            rounds: bench.extent.rounds,
            seconds: bench.extent.seconds,
            visitors: bench.visitors(),
            connections: bench.oha.connections(),
            rate,
            swap_every_ms,
            ranges: bench.atlas().ranges(),
            // Whoever is not there is not measured either.
            versions: Peer::ALL.iter().filter_map(|peer| peer.version(bench.programs()).ok()).collect(),
        }
    }
}

impl Report {
    pub(crate) fn new(
        machine: Machine,
        conditions: Conditions,
        samples: Samples,
        left_out: BTreeMap<String, String>,
    ) -> Self {
        Self { machine, conditions, bounds: bounds(&samples), left_out, samples }
    }

    pub(crate) fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// The bounds, for who is waiting at a terminal; all else is in the folder.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut text = format!("\n{}\n\n{:<90} {:>10} {:>12}\n", self.machine, "bound", "measured", "limit");
        for bound in &self.bounds {
            let (measured, limit) = shown(bound);
            // Writing to a `String` does not fail.
            let _ = writeln!(text, "{:<90} {measured:>10} {limit:>12}  {}", bound.what, bound.verdict());
        }
        for (who, why) in &self.left_out {
            let _ = writeln!(text, "left out: {who}: {why}");
        }
        io::stdout().write_all(text.as_bytes())
    }

    /// README.md, data.json and the plots, in place of old ones.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("data.json"), serde_json::to_string_pretty(self)? + "\n")?;
        let plots = plots::draw(&self.samples, folder).context("a plot can not be drawn")?;
        fs::write(folder.join("README.md"), page::text(self, &plots))?;
        Ok(())
    }
}

/// What was measured, and what it was held against.
fn shown(bound: &Bound) -> (String, String) {
    let unit = bound.unit;
    let measured = bound.measured.map_or_else(|| "-".to_owned(), |value| format!("{} {unit}", number(value)));
    let limit = match bound.limit {
        Limit::AtMost(most) => format!("≤ {most} {unit}"),
        Limit::AtLeast(least) => format!("≥ {least} {unit}"),
    };
    (measured, limit)
}

/// With as many digits as it deserves.
fn number(value: f64) -> String {
    match value.abs() {
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => thousands(&format!("{value:.0}")),
    }
}

/// With a comma for the eye.
fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (left, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if left > 0 && left % 3 == 0 {
            text.push(',');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Contender;
    use crate::samples::Figure;
    use crate::samples::tests::samples;
    use crate::study::Study;

    fn report() -> Report {
        let machine = Machine { processor: "Fast Chip".into(), cores: 2, kernel: "6.1".into() };
        let conditions = Conditions {
            oha: "oha 1.16.0".into(),
            rounds: 3,
            seconds: 5,
            visitors: 8,
            connections: 32,
            rate: 2000,
            swap_every_ms: 100,
            ranges: 7,
            versions: vec!["Pingora 0.9.1".into()],
        };
        let names = [Contender::EMPTY, Contender::FRESH].map(|contender| contender.name());
        let series: &[(&str, usize, &[f64])] =
            &[(&names[0], 0, &[40.0, 41.0, 42.0]), (&names[1], 0, &[99.0])];
        let left_out = BTreeMap::from([("Somebody".to_owned(), "is not there".to_owned())]);
        Report::new(machine, conditions, samples(Study::Contenders, Figure::Cpu, series), left_out)
    }

    #[test]
    fn a_report_is_written_with_its_data_and_its_plots() {
        let folder = tempfile::tempdir().unwrap();
        report().write(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let page = read("README.md");
        assert!(page.contains("| Edgeloom, no filter | 41.0 (40.0–42.0) |"), "{page}");
        assert!(page.contains("(cost.svg)") && !page.contains("(latency.svg)"), "{page}");
        assert!(page.contains("Somebody") && page.contains("not measured"), "{page}");
        let plot = read("cost.svg");
        assert!(plot.starts_with("<svg") && plot.contains("Edgeloom, no filter"), "{plot}");
        let json: serde_json::Value = serde_json::from_str(&read("data.json")).unwrap();
        assert_eq!(json["samples"][1]["figures"]["cpu"], 41.0);
        assert_eq!(json["machine"]["cores"], 2);
    }

    #[test]
    fn numbers_have_the_digits_that_they_deserve() {
        assert_eq!([0.0423, 1.234, 41.26, 20_000.4].map(number), ["0.042", "1.23", "41.3", "20,000"]);
    }
}
