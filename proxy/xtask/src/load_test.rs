//! How fast it is, what that costs, and that a swap loses nothing.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::command::{Execute, program};
use crate::house::House;
use crate::install::OHA;
use crate::{filters, setup};

/// Measures the edge under load with oha, filter by filter
///
/// Drives the edge with an empty chain, with one filter, with all four, fresh and reused, and with a swap
/// every 100 ms. Prints requests per second, CPU per request with its ratio to the empty chain, peak memory,
/// and errors, of which any fails it. `cargo xtask bench` measures more, and others beside it.
///
/// oha is installed into target/tools the first time (some minutes on two cores). Measure on a
/// machine that does nothing else.
///
/// Arguments are those of the load tests themselves: `cargo xtask load-test -- --help` lists them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct LoadTest {
    /// Arguments for the load tests
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

impl LoadTest {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        setup::native()?;
        let oha = OHA.provide(house)?;
        filters::build(house)?;
        let packages = ["--package=edgeloom", "--package=edgeloom-load"];
        house.cargo().args(["build", "--release", "--bins"]).args(packages).run()?;
        let mut load = program("target/release/edgeloom-load");
        load.arg("scenarios")
            .arg("--oha")
            .arg(oha)
            .args(["--edge=target/release/edgeloom", "--filters=target/filters"]);
        Err(load.args(&self.arguments).become_it())
    }
}
