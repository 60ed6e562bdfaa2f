//! What a fresh machine lacks.

use anyhow::Result;
use clap::Args;

use crate::clients;
use crate::command::which;
use crate::compiler::Compiler;
use crate::house::House;
use crate::install::{self, DENY, OHA};

/// Installs what builds need and this machine lacks
///
/// Every other task does its own part of this by itself. What is looked for:
///
///   cmake, make     build zlib-ng for Pingora; by apt-get, as root or by sudo
///   a Wasm compiler builds the filters; see `cargo xtask filters --help`
///   curl, h2load    ask the edge in tests; by apt-get; only with --clients
///   Python clients  likewise, from PyPI into target/tools/clients, with python3-venv if need be
///   oha             drives the load tests; from crates.io into target/tools; only with --oha
///   cargo-deny      checks licences and advisories; likewise; only with --deny
///
/// What is there is left as it is. What is installed is announced first.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Setup {
    /// Install what tests ask the edge with too, oha included
    #[arg(long)]
    clients: bool,
    /// Install oha too (some minutes on two cores)
    #[arg(long)]
    oha: bool,
    /// Install cargo-deny too (some minutes on two cores)
    #[arg(long)]
    deny: bool,
}

impl Setup {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        native()?;
        Compiler::find(house)?;
        if self.clients {
            clients::provide(house)?;
        }
        if self.oha {
            eprintln!("setup: oha is {}", OHA.provide(house)?.display());
        }
        if self.deny {
            eprintln!("setup: cargo-deny is {}", DENY.provide(house)?.display());
        }
        Ok(())
    }
}

/// What building the edge itself needs besides a Rust toolchain and its linker.
///
/// # Errors
///
/// Where it is missing and cannot be installed.
pub(crate) fn native() -> Result<()> {
    let missing: Vec<_> = ["cmake", "make"].into_iter().filter(|name| which(name).is_none()).collect();
    if missing.is_empty() { Ok(()) } else { install::debian(&missing, "they build zlib-ng for Pingora") }
}
