//! Packages of Debian, unpacked into a folder: nothing is installed, and so no server started, and nobody
//! need be root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::fetched;
use crate::command::{Execute, program, which};

/// The folder, with all of [`PACKAGES`], and what they depend on, that this system does not have itself.
pub(super) fn unpacked(folder: &Path) -> Result<PathBuf> {
    let list = PACKAGES.join(" ");
    if fs::read_to_string(folder.join(LIST)).is_ok_and(|unpacked| unpacked == list) {
        return Ok(folder.to_owned());
    }
    if which("apt-get").is_none() || which("dpkg-deb").is_none() {
        bail!("they are taken from Debian, and there is no apt-get on this system");
    }
    eprintln!("peers: unpacking into {}, by apt-get: {list}", folder.display());
    fetched(folder, |fresh| {
        let apt = fresh.join("apt");
        let archives = download(&apt)?;
        for archive in archives {
            program("dpkg-deb").arg("--extract").arg(archive).arg(fresh).run()?;
        }
        fs::remove_dir_all(&apt).with_context(|| format!("{} cannot be removed", apt.display()))?;
        let list_file = fresh.join(LIST);
        fs::write(&list_file, &list).with_context(|| format!("{} cannot be written", list_file.display()))
    })?;
    Ok(folder.to_owned())
}

/// Downloads what is missing, with package lists of our own: those of the system may be old, and only
/// root may renew them.
fn download(folder: &Path) -> Result<Vec<PathBuf>> {
    let [lists, cache] = ["lists", "cache"].map(|name| folder.join(name));
    let archives = cache.join("archives");
    for needed in [lists.join("partial"), archives.join("partial")] {
        fs::create_dir_all(&needed).with_context(|| format!("{} cannot be made", needed.display()))?;
    }
    let apt = || {
        let mut apt = program("apt-get");
        apt.args(["-qq", "-o=Debug::NoLocking=1", "-o=APT::Sandbox::User=root"]);
        apt.arg(format!("-o=Dir::State::lists={}", lists.display()));
        apt.arg(format!("-o=Dir::Cache={}", cache.display()));
        apt
    };
    apt().arg("update").run()?;
    let mut install = apt();
    install.args(["install", "--download-only", "--yes", "--no-install-recommends", "--no-remove"]);
    install.args(PACKAGES).run().context("Debian's packages cannot be downloaded")?;
    let entries =
        fs::read_dir(&archives).with_context(|| format!("{} cannot be read", archives.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<Result<Vec<_>, _>>()?;
    Ok(paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect())
}

const PACKAGES: [&str; 5] = [
    "nginx",
    "libnginx-mod-http-geoip2",
    "libnginx-mod-http-headers-more-filter",
    "libnginx-mod-http-lua",
    "haproxy",
];

/// Says what has been unpacked.
const LIST: &str = "packages";
