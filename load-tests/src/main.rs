//! What an exchange costs: Edgeloom and its peers under oha.
//!
//! ```text
//! bench, scenarios, smoke ─▶ study ─▶ measure ─▶ contender ─▶ the edge, or a peer
//!                              │         └─▶ oha, visitors from the atlas
//!                              └─▶ samples ─▶ verdict, report
//! ```

mod machine; // what it was measured on
mod cores; // who runs where
mod processes; // what they cost
mod atlas; // where visitors come from
mod request; // what they ask
mod oha; // who asks
mod origin; // who answers
mod setup; // Edgeloom, as it is measured
mod tenants; // Edgeloom with many tenants
mod peer; // who else is measured
mod contender; // any of them, running
mod rehearsal; // whether it does its job
mod ground; // what all measurements share
mod swapper; // swaps meanwhile
mod measure; // one measurement
mod samples; // what was found
mod study; // what is measured of whom
mod verdict; // what was promised
mod report; // what is told
mod bench; // everything, with its report
mod scenarios; // a few setups, as a table
mod smoke; // whether it has become much slower

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Edgeloom and its peers with oha.
///
/// Every request passes a contender on a core of its own, where there are two; oha, the origins and
/// this program have the rest. Before a contender's time is taken, it is seen doing its job from both ends.
#[derive(Parser)]
#[command(name = "edgeloom-load", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Bench(bench::Arguments),
    Scenarios(scenarios::Arguments),
    Smoke(smoke::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("edgeloom-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything went as it must.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Bench(bench) => bench.run(),
        Task::Scenarios(scenarios) => scenarios.run(),
        Task::Smoke(smoke) => smoke.run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
