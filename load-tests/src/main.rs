//! What an exchange costs: the edge under oha, scenario by scenario.

mod machine; // what it was measured on
mod oha; // who asks
mod report; // what is told
mod request; // what is asked
mod round; // one measurement
mod scenario; // what is measured
mod summary; // many measurements as one

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::machine::Machine;
use crate::oha::Oha;
use crate::report::Report;
use crate::request::Visitor;
use crate::round::{Bench, Measured};
use crate::scenario::Scenario;

/// Measures the edge with oha: an empty chain, one filter, four filters, and four with swaps.
#[derive(Parser)]
#[command(name = "edgeloom-load", version)]
struct Arguments {
    /// The oha binary.
    #[arg(long, default_value = "oha")]
    oha: PathBuf,
    /// The edgeloom binary, built with --release.
    #[arg(long)]
    edge: PathBuf,
    /// The folder of the built filters.
    #[arg(long)]
    filters: PathBuf,
    /// What to measure; may be given more than once. All, if not given.
    #[arg(long = "scenario", value_enum)]
    scenarios: Vec<Scenario>,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How often each scenario is measured; the medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Connections that oha holds open, each with one request at a time.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Time between two swaps, in the scenario that swaps.
    #[arg(long, default_value_t = 100, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    swap_every: u64,
    /// Where to write the report as JSON too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("edgeloom-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything went as it must.
fn run(arguments: &Arguments) -> Result<bool> {
    let oha = Oha::find(&arguments.oha, arguments.connections)?;
    let bench =
        Bench::set_up(&arguments.edge, &arguments.filters, Duration::from_millis(arguments.swap_every))?;
    let scenarios = match &*arguments.scenarios {
        [] => Scenario::ALL.to_vec(),
        chosen => chosen.to_vec(),
    };
    let visitor =
        Visitor::arrive(&bench).context("a first visitor is not served as the scenarios need it")?;
    let span = Duration::from_secs(arguments.seconds);
    let mut measured: Vec<(Scenario, Vec<Measured>)> =
        scenarios.iter().map(|scenario| (*scenario, Vec::new())).collect();
    for round in 1..=arguments.rounds {
        // Scenario after scenario in each round, so that what else the machine
        // does falls on all of them alike.
        for (scenario, results) in &mut measured {
            eprintln!("round {round} of {}: {}", arguments.rounds, scenario.title());
            let result = bench.measure(*scenario, &visitor, &oha, span);
            results.push(result.with_context(|| format!("scenario `{}`, round {round}", scenario.name()))?);
        }
    }
    let report =
        Report::new(Machine::look(), oha.version(), arguments.connections, arguments.seconds, &measured);
    report.print()?;
    if let Some(path) = &arguments.json {
        report.write(path).with_context(|| format!("{} can not be written", path.display()))?;
    }
    ensure!(report.has_results(), "nothing was measured");
    Ok(report.is_clean())
}
