//! The workspace: where it is, and what cargo says is in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::command::{Execute, program};

/// This clone of the repository. Its root is the current folder.
#[derive(Debug)]
pub(crate) struct House {
    root: PathBuf,
    packages: Vec<Package>,
}

/// A member of the workspace, as `cargo metadata` describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The oldest compiler that will do, as `1.95`.
    pub(crate) rust_version: Option<String>,
    #[serde(default)]
    pub(crate) metadata: Option<Value>,
    pub(crate) targets: Vec<Target>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) crate_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev` or `build`; nothing for one that everybody gets.
    pub(crate) kind: Option<String>,
}

impl Target {
    /// Whether it is built as that: `cdylib`, `proc-macro`.
    pub(crate) fn is_of(&self, crate_type: &str) -> bool {
        self.crate_types.iter().any(|own| own == crate_type)
    }
}

impl House {
    /// Goes to the root and asks cargo what is there.
    ///
    /// # Errors
    ///
    /// Where cargo cannot read the workspace.
    pub(crate) fn open() -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root =
            Path::new(&own).ancestors().nth(2).context("xtask is not two folders below the root")?.to_owned();
        env::set_current_dir(&root).with_context(|| format!("{} cannot be entered", root.display()))?;
        let metadata = cargo().args(["metadata", "--format-version=1", "--no-deps"]).read()?;
        Ok(Self { root, packages: packages(&metadata)? })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// What is built is found here, whatever the user's own configuration of cargo says: the demo and
    /// the load tests start binaries by their path.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The cargo that runs us, building into [`House::target`].
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = cargo();
        cargo.env("CARGO_TARGET_DIR", self.target());
        cargo
    }
}

fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// The workspace's members, from what `cargo metadata --no-deps` wrote.
pub(crate) fn packages(metadata: &str) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let metadata: Metadata =
        serde_json::from_str(metadata).context("`cargo metadata` wrote what xtask cannot read")?;
    Ok(metadata.packages)
}
