//! Other people's clients and servers, which the edge is tested with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::{Execute, program, which};
use crate::house::House;
use crate::install::{self, OHA};

/// Puts on this machine what the tests ask the edge with, if it lacks it.
///
/// # Errors
///
/// Where something is missing and cannot be installed; the error says what to do.
pub(crate) fn provide(house: &House) -> Result<()> {
    let wanted = [("curl", "curl"), ("h2load", "nghttp2-client")];
    let missing: Vec<_> = wanted.iter().filter(|(program, _)| which(program).is_none()).collect();
    if !missing.is_empty() {
        let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
        install::debian(&packages, "tests ask the edge with them")?;
    }
    OHA.provide(house)?;
    python(house)
}

/// An environment of its own for what the scripts in `proxy/server/tests/clients` import.
fn python(house: &House) -> Result<()> {
    let list = house.root().join("proxy/server/tests/clients/requirements.txt");
    let wanted = fs::read_to_string(&list).with_context(|| format!("{} cannot be read", list.display()))?;
    let folder = house.target().join("tools/clients");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let packages: Vec<_> = wanted.lines().filter(|line| line.contains("==")).collect();
    eprintln!("setup: installing from PyPI into {}: {}", folder.display(), packages.join(" "));
    let python = interpreter()?;
    // What was interrupted, or is for other versions, is of no use.
    program(&python).args(["-m", "venv", "--clear"]).arg(&folder).run()?;
    let mut pip = program(folder.join("bin/python3"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ]);
    pip.arg(&list).run().with_context(|| {
        format!(
            "they cannot be installed: PyPI is needed, or an environment with them at {}, with a copy of {} \
             as its installed.txt",
            folder.display(),
            list.display()
        )
    })?;
    fs::write(&installed, wanted).with_context(|| format!("{} cannot be written", installed.display()))
}

/// A Python that can make environments, installed if need be.
fn interpreter() -> Result<PathBuf> {
    let python = PathBuf::from("python3");
    if !can_make_environments(&python) {
        install::debian(&["python3-venv"], "tests talk to the edge with clients that are written in Python")?;
    }
    if !can_make_environments(&python) {
        bail!(
            "there is no python3 on PATH, of 3.10 or later, that has venv and ensurepip: tests talk to the edge \
             with clients that are written in Python"
        );
    }
    Ok(python)
}

fn can_make_environments(python: &Path) -> bool {
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    which("python3").is_some() && program(python).args(["-c", check]).read().is_ok()
}
