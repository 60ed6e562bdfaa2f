//! Pingora, by a binary of ours: `peers/pingora`.

use std::process::Command;

use anyhow::{Context, Result};

use super::programs::named;
use super::{Job, Start};

pub(super) fn command(start: &Start<'_>) -> Result<Command> {
    let programs = start.programs;
    let program = match start.job {
        Job::Bare => named(programs.pingora_stock.as_ref(), "pingora-stock"),
        Job::BareTuned | Job::Four | Job::FourAlone | Job::OneWasm | Job::Lua => {
            named(programs.pingora.as_ref(), "pingora")
        }
    }?;
    let job = if matches!(start.job, Job::Four | Job::FourAlone) { "native" } else { "bare" };
    let ground = start.ground;
    let mut command = Command::new(program);
    command
        .args(["--listen", &start.listen.to_string(), "--workers", &ground.workers.to_string()])
        .args(["--north", &ground.north.to_string(), "--south", &ground.south.to_string()])
        .args(["--job", job, "--database"])
        .arg(ground.database);
    if start.job == Job::FourAlone {
        command.arg("--no-stealing");
    }
    Ok(command)
}

/// The one that cargo has locked: that of the peer and of the edge alike.
pub(super) fn version() -> Result<String> {
    let (_, after) =
        LOCK.split_once("name = \"pingora-proxy\"\nversion = \"").context("no Pingora is locked")?;
    let (version, _) = after.split_once('"').context("Cargo.lock is cut short")?;
    Ok(format!("Pingora {version}"))
}

const LOCK: &str = include_str!("../../../Cargo.lock");
