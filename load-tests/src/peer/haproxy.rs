//! HAProxy, of Debian.

use std::fmt::Display;
use std::process::Command;

use anyhow::{Context, Result};

use super::template::fill;
use super::{Job, Programs, Start, derived};

pub(super) fn command(start: &Start<'_>) -> Result<Command> {
    let (ground, programs) = (start.ground, start.programs);
    let configuration = if start.job == Job::Four {
        let countries = derived::countries(ground.database, &programs.derived)?;
        let values: &[(&str, &dyn Display)] = &[
            ("LISTEN", &start.listen),
            ("WORKERS", &ground.workers),
            ("NORTH", &ground.north),
            ("SOUTH", &ground.south),
            ("COUNTRIES", &countries.display()),
        ];
        fill(include_str!("../../peers/haproxy/four.cfg"), values)?
    } else {
        let values: &[(&str, &dyn Display)] =
            &[("LISTEN", &start.listen), ("WORKERS", &ground.workers), ("SOUTH", &ground.south)];
        fill(include_str!("../../peers/haproxy/bare.cfg"), values)?
    };
    let configuration = start.write("haproxy.cfg", &configuration)?;
    let mut haproxy = program(programs)?;
    // In the foreground.
    haproxy.arg("-db").arg("-f").arg(configuration);
    Ok(haproxy)
}

pub(super) fn version(programs: &Programs) -> Result<String> {
    let output = program(programs)?.arg("-v").output().context("HAProxy can not be run")?;
    // HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split_whitespace().nth(2).with_context(|| format!("HAProxy says `{said}`"))?;
    Ok(format!("HAProxy {version}"))
}

fn program(programs: &Programs) -> Result<Command> {
    let mut haproxy = Command::new(programs.debians("usr/sbin/haproxy", "haproxy")?);
    haproxy.env("LD_LIBRARY_PATH", programs.debians_libraries());
    Ok(haproxy)
}
