//! Where the peers' programs are.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

/// The programs of the peers, as `cargo xtask bench` provides them.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Programs {
    /// edgeloom-peer-pingora, built like the edge that is measured.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) pingora: Option<PathBuf>,
    /// edgeloom-peer-pingora-stock, built with --release.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) pingora_stock: Option<PathBuf>,
    /// Envoy.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) envoy: Option<PathBuf>,
    /// Envoy's filters: edgeloom-peer-envoy, built to Wasm.
    #[arg(long, value_name = "FILE")]
    pub(crate) envoy_filters: Option<PathBuf>,
    /// The folder that Debian's nginx and HAProxy were unpacked into; what is not there is looked for in /.
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    pub(crate) debian: PathBuf,
    /// workerd.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) workerd: Option<PathBuf>,
    /// Where to keep what is made of the geo database for peers that can not read it.
    #[arg(long, value_name = "FOLDER", default_value = "target/peers")]
    pub(crate) derived: PathBuf,
}

/// The program or file that a peer can not do without.
///
/// # Errors
///
/// Where it was not named, or is not there.
pub(super) fn named(path: Option<&PathBuf>, option: &str) -> Result<PathBuf> {
    let there = path.filter(|path| path.is_file()).cloned();
    there.with_context(|| match path {
        Some(path) => format!("there is no {} (`--{option}`): {REMEDY}", path.display()),
        None => format!("`--{option}` is not given: {REMEDY}"),
    })
}

const REMEDY: &str = "`cargo xtask bench` provides it";

impl Programs {
    /// A file or folder of a Debian package, by its path below the root.
    ///
    /// # Errors
    ///
    /// Where it is neither where the packages were unpacked nor on this system.
    pub(super) fn debians(&self, path: &str, package: &str) -> Result<PathBuf> {
        let places = [&*self.debian, Path::new("/")].map(|root| root.join(path));
        let there = places.into_iter().find(|place| place.exists());
        there.with_context(|| {
            format!(
                "Debian's {package} is neither in {} (`--debian`) nor on this system: {REMEDY}",
                self.debian.display()
            )
        })
    }

    /// Where its libraries are: for `LD_LIBRARY_PATH`.
    pub(super) fn debians_libraries(&self) -> OsString {
        let folder = |above: &str| self.debian.join(format!("{above}/{ARCH}-linux-gnu"));
        let mut folders = folder("usr/lib").into_os_string();
        folders.push(":");
        folders.push(folder("lib"));
        folders
    }
}
