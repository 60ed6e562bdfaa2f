//! Putting on this machine what it lacks, having said so.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{Execute, program, which};
use crate::house::House;

/// Installs Debian packages, as root or by sudo.
///
/// # Errors
///
/// Where there is no apt-get, nobody who may run it, or apt-get fails; the error says what to do.
pub(crate) fn debian(packages: &[&str], what_for: &str) -> Result<()> {
    let list = packages.join(" ");
    let by_hand = format!("install {list} by hand ({what_for}), then run this again");
    if which("apt-get").is_none() {
        bail!("there is no apt-get on this system: {by_hand}");
    }
    let is_root = program("id").arg("-u").read()?.trim() == "0";
    if !is_root && which("sudo").is_none() {
        bail!("only root may install packages, and there is no sudo: {by_hand}");
    }
    eprintln!("setup: installing by apt-get: {list} ({what_for})");
    let apt = |arguments: &[&str]| {
        // sudo passes no environment on, env does.
        let mut apt = program(if is_root { "env" } else { "sudo" });
        apt.args(if is_root { &[][..] } else { &["env"][..] });
        apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o=Dpkg::Use-Pty=0"]).args(arguments);
        apt
    };
    // A fresh machine has no package lists, an old one has outdated ones. One source that is out of
    // reach need not be the one that is wanted.
    if let Err(error) = apt(&["update"]).run() {
        eprintln!("setup: the package lists may be out of date: {error:#}");
    }
    let arguments = [&["install", "--yes", "--no-install-recommends", "--no-remove"], packages].concat();
    apt(&arguments).run().with_context(|| by_hand)
}

/// A program that cargo can install from crates.io.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// What it is for, and how long a first build takes.
    what_for: &'static str,
}

/// Drives the load tests.
///
/// Its default features it has to be: without TLS it does not compile, and the other TLS wants
/// OpenSSL's headers.
pub(crate) const OHA: Tool =
    Tool { name: "oha", version: "1.16.0", what_for: "it drives the load tests; some minutes on two cores" };

/// Holds dependencies against `.config/deny.toml`.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    what_for: "it checks licences and advisories; some minutes on two cores",
};

/// Builds what libFuzzer runs.
pub(crate) const FUZZ: Tool =
    Tool { name: "cargo-fuzz", version: "0.13.2", what_for: "it builds fuzz targets; a minute on two cores" };

impl Tool {
    /// Where it is, if it is on this machine: ours before the user's own.
    pub(crate) fn find(&self, house: &House) -> Option<PathBuf> {
        let ours = folder(house).join("bin").join(self.name);
        if ours.is_file() { Some(ours) } else { which(self.name) }
    }

    /// Where it is, after it has been built from crates.io if need be.
    ///
    /// # Errors
    ///
    /// Where it cannot be downloaded or built.
    pub(crate) fn provide(&self, house: &House) -> Result<PathBuf> {
        if let Some(path) = self.find(house) {
            return Ok(path);
        }
        let Self { name, version, what_for } = self;
        let folder = folder(house);
        eprintln!("setup: installing {name} {version} from crates.io into {} ({what_for})", folder.display());
        // Its artefacts stay until it is there, so that a build that was interrupted goes on.
        let building = folder.join("building");
        let mut cargo = house.cargo();
        cargo.args(["install", name, "--locked", "--version", version]);
        cargo.arg("--root").arg(&folder).arg("--target-dir").arg(&building);
        // For this machine alone, and once: quick to build rather than a little faster.
        cargo.envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")]);
        cargo.run().with_context(|| self.remedy(&folder))?;
        std::fs::remove_dir_all(&building)
            .with_context(|| format!("{} cannot be removed", building.display()))?;
        self.find(house).with_context(|| format!("{name} is not where cargo has installed it"))
    }

    fn remedy(&self, folder: &Path) -> String {
        let Self { name, version, .. } = self;
        format!(
            "{name} {version} cannot be installed: it needs crates.io, a C compiler (gcc) and cmake; \
             a {name} of your own on PATH or in {} is used instead",
            folder.join("bin").display()
        )
    }
}

fn folder(house: &House) -> PathBuf {
    house.target().join("tools")
}
