//! Envoy, with its own geolocation, filters of proxy-wasm, or Lua.

use std::fmt::Display;
use std::process::Command;

use anyhow::{Context, Result};

use super::programs::named;
use super::template::fill;
use super::{Job, Programs, Start, derived};

pub(super) fn command(start: &Start<'_>) -> Result<Command> {
    let (ground, programs) = (start.ground, start.programs);
    let program = named(programs.envoy.as_ref(), "envoy")?;
    let configuration = start.write("envoy.yaml", &configuration(start)?)?;
    let mut envoy = Command::new(program);
    envoy
        .arg("--config-path")
        .arg(configuration)
        .args(["--concurrency", &ground.workers.to_string(), "--disable-hot-restart"])
        .args(["--log-level", "error"]);
    Ok(envoy)
}

fn configuration(start: &Start<'_>) -> Result<String> {
    let Start { job, ground, programs, listen } = start;
    let [north, south] = [ground.north, ground.south];
    let mut values = vec![
        ("LISTEN_HOST", listen.ip().to_string()),
        ("LISTEN_PORT", listen.port().to_string()),
        ("SOUTH_HOST", south.ip().to_string()),
        ("SOUTH_PORT", south.port().to_string()),
    ];
    if matches!(job, Job::Four | Job::Lua) {
        let database = derived::geoip2(ground.database, &programs.derived)?;
        values.push(("NORTH_HOST", north.ip().to_string()));
        values.push(("NORTH_PORT", north.port().to_string()));
        values.push(("DATABASE", database.display().to_string()));
    }
    if matches!(job, Job::Four | Job::OneWasm) {
        let wasm = named(programs.envoy_filters.as_ref(), "envoy-filters")?;
        values.push(("WASM", wasm.canonicalize()?.display().to_string()));
    }
    if *job == Job::Lua {
        let script = start.write("job.lua", include_str!("../../peers/envoy/job.lua"))?;
        values.push(("LUA", script.display().to_string()));
    }
    let template = match job {
        Job::Bare | Job::BareTuned => include_str!("../../peers/envoy/bare.yaml"),
        Job::OneWasm => include_str!("../../peers/envoy/one-wasm.yaml"),
        Job::Four | Job::FourAlone => include_str!("../../peers/envoy/four.yaml"),
        Job::Lua => include_str!("../../peers/envoy/lua.yaml"),
    };
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
    fill(template, &values)
}

pub(super) fn version(programs: &Programs) -> Result<String> {
    let program = named(programs.envoy.as_ref(), "envoy")?;
    let output = Command::new(program).arg("--version").output().context("Envoy can not be run")?;
    // …/envoy  version: 0c8b…/1.40.0/Clean/RELEASE/BoringSSL
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.rsplit("version: ").next().and_then(|version| version.split('/').nth(1));
    Ok(format!("Envoy {}", version.with_context(|| format!("Envoy says `{said}`"))?))
}
