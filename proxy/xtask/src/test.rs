//! All tests, and one line that says how they went.

mod tally;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::command::succeeded;
use crate::house::House;
use crate::portions::portions;
use crate::{bench_smoke, clients, filters, fuzz, setup};
use tally::Tally;

/// Runs all tests: units, golden files, laws, and the real edge with real filters
///
/// Sets up (for the black-box tests that is curl, h2load, oha and some Python packages, too), builds the
/// filters, then tests xtask itself and after it everything else in one optimised
/// build: Wasmtime and Pingora are then compiled once for the edge, the tests and the load tests, and a
/// filter is compiled in milliseconds. That build takes about ten minutes on two cores, the first time.
/// At the end every fuzz target runs for a minute (`cargo xtask fuzz`), and the edge is held against plain
/// Pingora for three (`cargo xtask bench-smoke`).
///
/// With arguments it runs only what they select, as `cargo test` understands them:
///
///   cargo xtask test -p edgeloom-core               one crate
///   cargo xtask test -p edgeloom --test it swap     the black-box tests with `swap` in their names
///
/// The filters are built first all the same, so the black-box tests never run yesterday's.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Test {
    /// Arguments for `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

impl Test {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        setup::native()?;
        filters::build(house)?;
        if self.arguments.is_empty() || names_the_edge(&self.arguments) {
            clients::provide(house)?;
        }
        if self.arguments.is_empty() {
            all(house)?;
            fuzz::check(house)?;
            bench_smoke::check(house, &[])
        } else {
            let mut selected = cargo_test(house);
            selected.arg("--release").args(&self.arguments);
            finish([selected])
        }
    }
}

/// Every test of the workspace; the filters have been built.
///
/// # Errors
///
/// Where a test fails or does not compile.
pub(crate) fn all(house: &House) -> Result<()> {
    let mut commands = Vec::new();
    for portion in portions(house)? {
        let mut cargo = cargo_test(house);
        cargo.args(portion);
        commands.push(cargo);
    }
    finish(commands)
}

/// Whether what is selected may be black-box tests, by which others' clients ask the edge.
fn names_the_edge(arguments: &[OsString]) -> bool {
    let other = |pair: &[OsString]| match pair {
        [option, package] => (option == "-p" || option == "--package") && package != "edgeloom",
        _ => false,
    };
    !arguments.windows(2).any(other)
}

fn cargo_test(house: &House) -> Command {
    let mut cargo = house.cargo();
    cargo.args(["test", "--no-fail-fast"]);
    cargo.env("EDGELOOM_FILTERS", house.target().join("filters"));
    cargo.env("EDGELOOM_TOOLS", house.target().join("tools"));
    cargo
}

/// Runs them to their ends, whatever fails, and says how many tests did.
fn finish(commands: impl IntoIterator<Item = Command>) -> Result<()> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut failed = None;
    for mut cargo in commands {
        if let Err(error) = watch(&mut cargo, &mut tally) {
            failed.get_or_insert(error);
        }
    }
    let seconds = begun.elapsed().as_secs();
    eprintln!("\ntests: {tally} ({} min {} s)", seconds / 60, seconds % 60);
    match failed {
        Some(error) => Err(error),
        None if tally.is_empty() => bail!("no test was run"),
        None => Ok(()),
    }
}

/// Runs it, passing on what it says and counting along.
fn watch(cargo: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo cannot be run")?;
    let output = child.stdout.take().context("cargo's output cannot be read")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cargo's output cannot be read")?;
        stdout().write_all(&[&line[..], b"\n"].concat()).context("the tests' output cannot be passed on")?;
        tally.hear(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().context("cargo cannot be waited for")?;
    succeeded(cargo, status)
}
