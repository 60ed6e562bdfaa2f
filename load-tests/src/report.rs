//! What is told: a table for people, JSON for machines.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;
use crate::round::Measured;
use crate::scenario::Scenario;
use crate::summary::Summary;

/// Everything that was measured, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    oha: String,
    connections: u32,
    seconds: u64,
    rounds: usize,
    scenarios: Vec<Summary>,
}

impl Report {
    pub(crate) fn new(
        machine: Machine,
        oha: &str,
        connections: u32,
        seconds: u64,
        measured: &[(Scenario, Vec<Measured>)],
    ) -> Self {
        let empty =
            measured.iter().find(|(scenario, _)| *scenario == Scenario::Empty).map(|(_, rounds)| &**rounds);
        let scenarios = measured.iter().map(|(scenario, rounds)| Summary::of(*scenario, rounds, empty));
        Self {
            machine,
            oha: oha.to_owned(),
            connections,
            seconds,
            rounds: measured.iter().map(|(_, rounds)| rounds.len()).max().unwrap_or_default(),
            scenarios: scenarios.collect(),
        }
    }

    pub(crate) fn has_results(&self) -> bool {
        self.scenarios.iter().any(|scenario| scenario.requests > 0)
    }

    /// Whether every request was answered as it must be, and whoever should have swapped did.
    pub(crate) fn is_clean(&self) -> bool {
        self.scenarios.iter().all(|scenario| {
            scenario.errors.is_empty() && scenario.swapped.is_none_or(|swapped| swapped.generations > 0)
        })
    }

    pub(crate) fn print(&self) -> io::Result<()> {
        io::stdout().write_all(self.text().as_bytes())
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    fn text(&self) -> String {
        let mut text = format!(
            "\n{}\n{}; {} connections, {} round(s) of {} s, medians; one worker, origin of 1 KiB\n\n",
            self.machine, self.oha, self.connections, self.rounds, self.seconds
        );
        text += "scenario               requests/s   p50 ms   p99 ms   errors   CPU µs/request   × empty   peak MiB\n";
        for line in &self.scenarios {
            let errors: u64 = line.errors.values().sum();
            let ratio = line.cpu_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            // Writing to a `String` does not fail.
            let _ = writeln!(
                text,
                "{:<22} {:>10.0} {:>8.2} {:>8.2} {errors:>8} {:>16.1} {ratio:>9} {:>10.1}",
                line.title,
                line.requests_per_second,
                line.p50_ms,
                line.p99_ms,
                line.cpu_us_per_request,
                mebibytes(line.peak_memory_bytes),
            );
        }
        for line in &self.scenarios {
            if let Some(swapped) = line.swapped {
                let _ = write!(
                    text,
                    "\n{}: {} edits and {} replaced modules made {} generations; {} requests\n",
                    line.title, swapped.edits, swapped.replacements, swapped.generations, line.requests
                );
            }
            for (what, count) in line.errors.iter().chain(&line.faults) {
                let _ = writeln!(text, "error in `{}`: {count} × {what}", line.scenario);
            }
        }
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "no process is that large")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::Swapped;
    use crate::summary::tests::measured;

    fn report(rounds: &[(Scenario, Vec<Measured>)]) -> Report {
        let machine = Machine { processor: "Fast Chip".into(), cores: 2, kernel: "6.1".into() };
        Report::new(machine, "oha 1.16.0", 32, 10, rounds)
    }

    #[test]
    fn a_table_says_what_was_measured_and_on_what() {
        let empty = (Scenario::Empty, vec![measured(20_000.0, 40, &[])]);
        let four = (Scenario::Fresh, vec![measured(9_000.0, 100, &[("status 502", 3)])]);
        let report = report(&[empty, four]);
        assert_eq!(
            report.text(),
            "\nFast Chip, 2 cores, Linux 6.1
oha 1.16.0; 32 connections, 1 round(s) of 10 s, medians; one worker, origin of 1 KiB

scenario               requests/s   p50 ms   p99 ms   errors   CPU µs/request   × empty   peak MiB
empty chain                 20000     1.00     2.00        0             40.0      1.00       40.0
four filters, fresh          9000     1.00     2.00        3            100.0      2.50      100.0
error in `fresh`: 3 × status 502
"
        );
        assert!(report.has_results() && !report.is_clean());
    }

    #[test]
    fn a_run_without_its_swaps_is_not_clean() {
        let mut swapping = measured(1.0, 1, &[]);
        let mut swapped = Swapped { edits: 5, replacements: 5, generations: 9 };
        swapping.swapped = Some(swapped);
        assert!(report(&[(Scenario::Swaps, vec![swapping.clone()])]).is_clean());
        swapped.generations = 0;
        swapping.swapped = Some(swapped);
        assert!(!report(&[(Scenario::Swaps, vec![swapping])]).is_clean());
    }

    #[test]
    fn json_has_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        report(&[(Scenario::Empty, vec![measured(20_000.0, 40, &[])])]).write(&file).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(json["scenarios"][0]["requests_per_second"], 20_000.0);
        assert_eq!(json["machine"]["cores"], 2);
    }
}
