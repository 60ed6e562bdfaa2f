//! workerd, with the job in JavaScript.

use std::fmt::Display;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::programs::named;
use super::template::fill;
use super::{Job, Programs, Start};

pub(super) fn command(start: &Start<'_>) -> Result<Command> {
    let ground = start.ground;
    let program = named(start.programs.workerd.as_ref(), "workerd")?;
    ensure!(ground.workers == 1, "workerd serves on one thread, not on {}", ground.workers);
    let configuration = if start.job == Job::Four {
        start.write("job.js", include_str!("../../peers/workerd/job.js"))?;
        start.write("places.js", include_str!("../../peers/workerd/places.js"))?;
        // What is embedded is looked for beside the configuration.
        let database = ground.database.canonicalize().context("the database can not be found")?;
        symlink(database, ground.folder.join("places.mmdb")).context("the database can not be linked to")?;
        let values: &[(&str, &dyn Display)] =
            &[("LISTEN", &start.listen), ("NORTH", &ground.north), ("SOUTH", &ground.south)];
        fill(include_str!("../../peers/workerd/four.capnp"), values)?
    } else {
        start.write("bare.js", include_str!("../../peers/workerd/bare.js"))?;
        let values: &[(&str, &dyn Display)] = &[("LISTEN", &start.listen), ("SOUTH", &ground.south)];
        fill(include_str!("../../peers/workerd/bare.capnp"), values)?
    };
    let configuration = start.write("workerd.capnp", &configuration)?;
    let mut workerd = Command::new(program);
    workerd.arg("serve").arg(configuration);
    Ok(workerd)
}

pub(super) fn version(programs: &Programs) -> Result<String> {
    let program = named(programs.workerd.as_ref(), "workerd")?;
    let output = Command::new(program).arg("--version").output().context("workerd can not be run")?;
    // workerd 2026-11-17
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
