//! Whether it has become much slower.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::command::{Execute, program};
use crate::house::House;
use crate::install::OHA;
use crate::{filters, setup};

/// Fails if the edge has become much slower, in about three minutes
///
/// Measures the edge without a filter and with four, and stock bare Pingora, in interleaved rounds, and holds
/// the ratios of their CPU times against loose bounds. Then it measures an edge that is made slower on purpose,
/// and fails unless that one is found too slow: so it can not pass by accident.
///
/// No bound is a time: what slows the whole machine slows both sides. Arguments are those of the check itself:
/// `cargo xtask bench-smoke -- --help` lists them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct BenchSmoke {
    /// Arguments for the check
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

impl BenchSmoke {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        check(house, &self.arguments)
    }
}

/// Sets up, builds and checks.
///
/// # Errors
///
/// Where the edge is too slow, or the check does not notice one that is.
pub(crate) fn check(house: &House, arguments: &[OsString]) -> Result<()> {
    setup::native()?;
    let oha = OHA.provide(house)?;
    filters::build(house)?;
    // All at once: with the features that the tests have built them with.
    let packages = ["--package=edgeloom", "--package=edgeloom-load", "--package=edgeloom-peer-pingora"];
    house.cargo().args(["build", "--release", "--bins"]).args(packages).run()?;
    let mut smoke = program("target/release/edgeloom-load");
    smoke.arg("smoke").arg("--oha").arg(oha);
    smoke.args(["--edge=target/release/edgeloom", "--filters=target/filters"]);
    smoke.arg("--pingora-stock=target/release/edgeloom-peer-pingora-stock");
    smoke.args(arguments).run()
}
