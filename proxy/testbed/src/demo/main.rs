//! The demo: three origins, an edge with four filters before them, and what to
//! ask it. `--once` asks itself, checks the answers, and ends.

mod atlas; // the database, read without the edge
mod curls; // what a person may try
mod live; // running until it is told to end
mod once; // trying it all, and ending
mod report; // ticks and crosses
mod world; // origins and an edge

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Starts three small origins and an edge with four filters; says what to try.
#[derive(Parser)]
#[command(name = "edgeloom-demo", version)]
pub(crate) struct Arguments {
    /// The edgeloom binary.
    #[arg(long, default_value = "target/release/edgeloom")]
    edge: PathBuf,
    /// The folder of the built filters.
    #[arg(long, default_value = "target/filters")]
    filters: PathBuf,
    /// The configuration to run with. Its clusters' loopback endpoints are the origins.
    #[arg(long, default_value = "config/edge.yaml")]
    config: PathBuf,
    /// Try everything, check the answers, and end.
    #[arg(long)]
    once: bool,
    /// Run on this geo database, not on the one made for the demo; with --once, hold ten thousand
    /// answers against it. Of a folder the first .mmdb file, and with --once all of them, one after
    /// the other.
    #[arg(long, value_name = "FILE.mmdb")]
    real_geo: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("edgeloom-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.real_geo.is_some() {
        say(ATTRIBUTION);
    }
    if arguments.once { once::run(arguments) } else { live::run(arguments).map(|()| true) }
}

/// A line for the person who started the demo.
#[expect(clippy::print_stdout, reason = "the demo talks to a person")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// What the licence of the real database asks for.
const ATTRIBUTION: &str = "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0";
