//! All that a change has to pass, in the order in which it fails soonest.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::command::{Execute, program};
use crate::house::House;
use crate::install::DENY;
use crate::portions::portions;
use crate::{bench_smoke, clients, counts, filters, fuzz, setup, test, tidy};

/// Runs every check that a change has to pass
///
/// In this order, ending at the first that fails:
///
///   fmt       the code is formatted (`cargo fmt`)
///   tidy      dependency arrows, file sizes, names and words; see `cargo xtask tidy --help`
///   clippy    no warning, in any target
///   doc       no warning in the documentation
///   deny      licences, sources and advisories of all dependencies, by .config/deny.toml
///   filters   every guest compiles without a warning, and the shipped ones are small
///   test      all tests
///   fuzz      a minute of made-up requests for each target; see `cargo xtask fuzz --help`
///   counts    no piece takes more instructions than it did; see `cargo xtask counts --help`
///   smoke     the edge is not much slower than it was; see `cargo xtask bench-smoke --help`
///
/// `cargo xtask ci fmt clippy` runs those two. cargo-deny takes minutes to build, so without being named
/// `deny` is left out where it is not installed; `cargo xtask ci deny` installs it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Ci {
    /// The checks to run; all of them if none is named
    #[arg(value_enum)]
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Tidy,
    Clippy,
    Doc,
    Deny,
    Filters,
    Test,
    Fuzz,
    Counts,
    Smoke,
}

impl Ci {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        let named = !self.steps.is_empty();
        let mut took = Vec::new();
        for step in Step::value_variants().iter().filter(|step| !named || self.steps.contains(step)) {
            let name = format!("{step:?}").to_lowercase();
            if *step == Step::Deny && !named && DENY.find(house).is_none() {
                eprintln!(
                    "\nci: deny is left out: there is no cargo-deny (`cargo xtask ci deny` installs it)"
                );
                took.push(format!("{name} left out"));
                continue;
            }
            eprintln!("\nci: {name}");
            let begun = Instant::now();
            step.run(house).with_context(|| format!("{name} is not passed"))?;
            took.push(format!("{name} {} s", begun.elapsed().as_secs()));
        }
        eprintln!("\nci: passed ({})", took.join(", "));
        Ok(())
    }
}

impl Step {
    fn run(self, house: &House) -> Result<()> {
        match self {
            Self::Fmt => house.cargo().args(["fmt", "--all", "--check"]).run(),
            Self::Tidy => tidy::check(house),
            Self::Clippy => clippy(house),
            Self::Doc => doc(house),
            Self::Deny => deny(house),
            Self::Filters => guests(house),
            Self::Test => clients::provide(house).and_then(|()| test::all(house)),
            Self::Fuzz => fuzz::check(house),
            Self::Counts => counts::check(house),
            Self::Smoke => bench_smoke::check(house, &[]),
        }
    }
}

fn clippy(house: &House) -> Result<()> {
    setup::native()?;
    for portion in portions(house)? {
        let strict = ["--all-targets", "--keep-going", "--", "--deny=warnings"];
        house.cargo().arg("clippy").args(portion).args(strict).run()?;
    }
    Ok(())
}

fn doc(house: &House) -> Result<()> {
    setup::native()?;
    for portion in portions(house)? {
        let mut cargo = house.cargo();
        cargo
            .env("RUSTDOCFLAGS", "--deny=warnings")
            .args(["doc", "--no-deps", "--keep-going"])
            .args(portion)
            .run()?;
    }
    Ok(())
}

fn guests(house: &House) -> Result<()> {
    match filters::build(house)?.warnings {
        0 => Ok(()),
        count => bail!("{count} warnings in what only guests contain"),
    }
}

fn deny(house: &House) -> Result<()> {
    let path = DENY.provide(house)?;
    let deny = |arguments: &[&str]| {
        program(&path).args(["--workspace", "--config=.config/deny.toml"]).args(arguments).run()
    };
    deny(&["check", "bans", "licenses", "sources"])?;
    // These need nothing from outside; that the rest has nothing to compare with is no finding.
    if let Err(error) = deny(&["fetch", "db"]) {
        eprintln!("ci: advisories are left out: their database cannot be fetched ({error:#})");
        return Ok(());
    }
    deny(&["check", "advisories"])
}
