//! Three origins and an edge: where the configuration says, or elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use edgeloom_config::Cluster;
use edgeloom_testbed::{Configuration, Edge, Launch, Manner, Origin, StartError, geo};
use tempfile::TempDir;

use crate::Arguments;

/// All that runs in a demo.
pub(crate) struct World {
    pub(crate) edge: Edge,
    pub(crate) configuration: Configuration,
    /// What it runs on, and with `--real-geo` what it can be swapped to.
    pub(crate) databases: Vec<PathBuf>,
    /// By the names of their clusters.
    pub(crate) origins: Vec<(String, Origin)>,
    /// Holds the configuration and copies of the filters, where it all runs elsewhere.
    _folder: Option<TempDir>,
}

impl World {
    /// Where the configuration says: on its addresses, with its files.
    pub(crate) fn as_written(arguments: &Arguments) -> Result<Self> {
        let configuration = read(&arguments.config)?;
        for module in &configuration.meant().modules {
            ensure!(
                module.path.is_file(),
                "{} is missing; `cargo xtask filters` builds it",
                module.path.display()
            );
        }
        let real = arguments.real_geo.as_deref().map(real_databases).transpose()?;
        let database = lay_out_database(&configuration, real.as_deref().and_then(<[_]>::first))?;
        vacant(&configuration)?;
        let origins = origins(&configuration, |endpoint| endpoint).with_context(|| {
            format!("give the origin another endpoint in {}, or free this one", arguments.config.display())
        })?;
        let edge = start(Launch::file(&arguments.config).binary(&arguments.edge))?;
        Ok(Self { edge, configuration, databases: vec![database], origins, _folder: None })
    }

    /// On free ports, with copies of all files: nothing that runs already is in the way, and nothing
    /// that is tried leaves a trace.
    pub(crate) fn elsewhere(arguments: &Arguments) -> Result<Self> {
        let written = read(&arguments.config)?;
        let folder = TempDir::with_prefix("edgeloom-demo-")?;
        for module in &written.meant().modules {
            let name = module.path.file_name().context("a module is a file")?;
            let from = arguments.filters.join(name);
            fs::copy(&from, folder.path().join(name)).with_context(|| {
                format!("{} can not be copied; `cargo xtask filters` builds it", from.display())
            })?;
        }
        let databases = match &arguments.real_geo {
            Some(real) => real_databases(real)?,
            None => {
                let file = folder.path().join("geo.mmdb");
                geo::write(geo::Layout::City, &file)?;
                vec![file]
            }
        };
        let database = databases.first().context("there is one")?;
        let origins = origins(&written, |_| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let endpoints = written.meant().clusters.iter().flat_map(on_loopback);
        let moved: BTreeMap<_, _> =
            endpoints.zip(origins.iter().map(|(_, origin)| origin.address())).collect();
        let configuration = or_report(&arguments.config, written.elsewhere(&moved, folder.path(), database))?;
        let file = folder.path().join("edge.yaml");
        configuration.write(&file)?;
        let edge = start(Launch::file(file).binary(&arguments.edge))?;
        Ok(Self { edge, configuration, databases, origins, _folder: Some(folder) })
    }
}

fn read(file: &Path) -> Result<Configuration> {
    ensure!(file.is_file(), "there is no {}; `--config FILE` names another", file.display());
    or_report(file, Configuration::read(file))
}

/// The report is a text of many lines, and complete.
fn or_report<R: std::fmt::Display>(file: &Path, result: Result<Configuration, R>) -> Result<Configuration> {
    match result {
        Ok(configuration) => Ok(configuration),
        Err(report) => bail!("{} is not a configuration:\n{report}", file.display()),
    }
}

fn on_loopback(cluster: &Cluster) -> impl Iterator<Item = SocketAddr> {
    let addresses = cluster.endpoints.iter().filter_map(|endpoint| endpoint.address.ip());
    addresses.filter(|address| address.ip().is_loopback())
}

/// An echoing origin for each endpoint on the loopback; other endpoints are somebody's real origins.
fn origins(
    configuration: &Configuration,
    at: impl Fn(SocketAddr) -> SocketAddr,
) -> Result<Vec<(String, Origin)>> {
    let mut origins = Vec::new();
    for cluster in &configuration.meant().clusters {
        for address in on_loopback(cluster) {
            // What origins say of themselves, and edges do not pass on.
            let manner =
                Manner::echo().named(&cluster.name).with_header("x-powered-by", "a small origin/1.0");
            let origin = Origin::start(at(address), manner);
            let origin =
                origin.map_err(|error| taken(&format!("origin `{}`", cluster.name), address, &error))?;
            origins.push((cluster.name.clone(), origin));
        }
    }
    Ok(origins)
}

/// Whether the edge will find its addresses free: it would say so too, but in a log.
fn vacant(configuration: &Configuration) -> Result<()> {
    let meant = configuration.meant();
    let listeners = meant.listeners.iter().filter_map(|listener| Some(("listener", listener.bind.tcp()?)));
    for (what, address) in listeners.chain(meant.admin.map(|address| ("admin listener", address))) {
        TcpListener::bind(address).map_err(|error| taken(&format!("edge's {what}"), address, &error))?;
    }
    Ok(())
}

fn taken(who: &str, address: SocketAddr, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.port();
            anyhow!(
                "{address}, where the {who} belongs, is taken: write another address in the configuration, \
                 or free this one (`ss -ltnp 'sport = :{port}'` shows who has it)"
            )
        }
        _ => anyhow!("the {who} can not have {address}: {error}"),
    }
}

/// The file, or the databases of the folder: some are published as one for each family.
fn real_databases(path: &Path) -> Result<Vec<PathBuf>> {
    let path = path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
    if path.is_file() {
        return Ok(vec![path]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&path)? {
        let file = entry?.path();
        files.extend(file.extension().is_some_and(|kind| kind == "mmdb").then_some(file));
    }
    files.sort();
    ensure!(!files.is_empty(), "there is no .mmdb file in {}", path.display());
    Ok(files)
}

/// Puts the demo's database, or a link to the real one, where the configuration looks for it.
///
/// Only in the demo's own folder: where an operator has named a database of their own, it is used as it is.
fn lay_out_database(configuration: &Configuration, real: Option<&PathBuf>) -> Result<PathBuf> {
    let named = configuration.meant().geo.as_ref();
    let path = &named.context("the configuration has no `geo` section")?.database;
    let folder = path.parent().unwrap_or(Path::new("."));
    let ours = folder.ends_with("target/demo");
    match real {
        Some(real) if ours => {
            fs::create_dir_all(folder)?;
            link(real, path).with_context(|| format!("{} can not be linked to", real.display()))?;
        }
        Some(_) => bail!(
            "the configuration names {}, which is not the demo's to exchange; name the real file there",
            path.display()
        ),
        None if ours => geo::write(geo::Layout::City, path)?,
        None => ensure!(path.is_file(), "there is no {}", path.display()),
    }
    Ok(path.clone())
}

/// A symbolic link in place of whatever was there.
fn link(target: &Path, path: &Path) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::os::unix::fs::symlink(target, &beside)?;
    fs::rename(beside, path)
}

fn start(launch: Launch) -> Result<Edge> {
    launch.start().map_err(|error| match error {
        // What it said says it all.
        StartError::Ended { said, .. } => anyhow!("the edge does not start:\n{said}"),
        other => other.into(),
    })
}
