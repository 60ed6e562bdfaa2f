//! Builds every guest of the workspace to Wasm.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::command::Execute;
use crate::compiler::{Compiler, TARGET};
use crate::house::{House, Package};

/// Builds all filters to WebAssembly, into target/filters
///
/// Guests are found by their packages' names: edgeloom-filter-X becomes target/filters/X.wasm, and
/// edgeloom-misbehaving-X, which is wrong on purpose, target/filters/misbehaving/X.wasm. Another package
/// becomes a guest by `guest = "folder/name.wasm"` under [package.metadata.edgeloom].
///
/// The compiler is this toolchain with the target wasm32-unknown-unknown. Where the target is missing,
/// rustup is asked to add it; where rustup cannot, Debian's rustc-web and rust-web-src are used, which
/// build the standard library as well (about a minute, the first time).
///
/// Fails when a filter that we ship is larger than 150 KiB.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Filters {}

impl Filters {
    #[expect(clippy::unused_self, reason = "a task like the others, without arguments so far")]
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        build(house).map(drop)
    }
}

/// Guests in their places.
#[derive(Debug)]
pub(crate) struct Built {
    /// How many warnings the compiler had: no other check compiles what only a guest contains.
    pub(crate) warnings: usize,
    /// What has compiled them.
    pub(crate) compiler: Compiler,
}

/// A package that is compiled to Wasm.
#[derive(Debug, PartialEq, Eq)]
struct Guest<'p> {
    package: &'p str,
    /// As cargo names it.
    artefact: String,
    /// Below target/filters.
    place: PathBuf,
    /// One that we ship: it has to be small.
    shipped: bool,
}

/// Builds all guests and puts those that are new in their places.
///
/// # Errors
///
/// Where there is no compiler for them, one does not compile, or a shipped one is too large.
pub(crate) fn build(house: &House) -> Result<Built> {
    let guests = guests(house.packages())?;
    if guests.is_empty() {
        bail!("no package of the workspace is a guest");
    }
    let folder = house.target().join("wasm");
    let compiler = Compiler::find(house)?;
    let mut cargo = compiler.cargo_build(house)?;
    cargo.args(["--lib", "--profile", "filter", "--target-dir"]).arg(&folder);
    // All at once: cargo then compiles what they share once, and looks at it once.
    cargo.args(guests.iter().flat_map(|guest| ["--package", guest.package]));
    let warnings = warnings(&cargo.arg("--message-format=json-render-diagnostics").read()?);

    let built = folder.join(TARGET).join("filter");
    let filters = house.target().join("filters");
    let mut too_large = Vec::new();
    for guest in &guests {
        let size = put(&built.join(&guest.artefact), &filters.join(&guest.place))?;
        eprintln!("{:>10}  {}", kibibytes(size), Path::new("target/filters").join(&guest.place).display());
        if guest.shipped && size > SHIPPED_MAX {
            too_large.push(guest.package);
        }
    }
    if !too_large.is_empty() {
        bail!(
            "larger than the {} that a shipped filter may be: {}",
            kibibytes(SHIPPED_MAX),
            too_large.join(", ")
        );
    }
    Ok(Built { warnings, compiler })
}

/// The names of the guests that are not shipped.
///
/// # Errors
///
/// As [`build`], where a package is no proper guest.
pub(crate) fn unshipped(packages: &[Package]) -> Result<Vec<&str>> {
    let guests = guests(packages)?;
    Ok(guests.into_iter().filter(|guest| !guest.shipped).map(|guest| guest.package).collect())
}

/// How many warnings cargo passes on, as messages in JSON, one on each line.
fn warnings(messages: &str) -> usize {
    let level = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(message.get("message")?.get("level")?.as_str()? == "warning")
    };
    messages.lines().filter(|line| level(line) == Some(true)).count()
}

fn guests(packages: &[Package]) -> Result<Vec<Guest<'_>>> {
    let mut guests = Vec::new();
    for package in packages {
        guests.extend(
            guest(package).with_context(|| format!("the package {} is no proper guest", package.name))?,
        );
    }
    guests.sort_by(|a, b| (!a.shipped, &a.place).cmp(&(!b.shipped, &b.place)));
    Ok(guests)
}

fn guest(package: &Package) -> Result<Option<Guest<'_>>> {
    let name = package.name.as_str();
    let shipped = name.strip_prefix("edgeloom-filter-").map(|name| format!("{name}.wasm"));
    let misbehaving =
        name.strip_prefix("edgeloom-misbehaving-").map(|name| format!("misbehaving/{name}.wasm"));
    let declared = package.metadata.as_ref().and_then(|metadata| metadata.get("edgeloom")?.get("guest"));
    let is_shipped = shipped.is_some();
    let place = match declared {
        Some(place) => PathBuf::from(place.as_str().context("the `guest` in its metadata is not a text")?),
        None => match shipped.or(misbehaving) {
            Some(place) => PathBuf::from(place),
            None => return Ok(None),
        },
    };
    let stays_below = place.components().all(|part| matches!(part, Component::Normal(_)));
    if !stays_below || place.extension().is_none_or(|extension| extension != "wasm") {
        bail!("its place is {}, not the relative path of a .wasm file", place.display());
    }
    let target = package.targets.iter().find(|target| target.is_of("cdylib"));
    let target = target.context("it has no library of crate-type cdylib")?;
    let artefact = format!("{}.wasm", target.name.replace('-', "_"));
    Ok(Some(Guest { package: name, artefact, place, shipped: is_shipped }))
}

/// Copies a file whole or not at all, and only where it differs: an edge that watches its modules sees
/// no change where there is none. Returns its size.
fn put(from: &Path, to: &Path) -> Result<usize> {
    let bytes = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(bytes.len());
    }
    let unplaceable = || format!("{} cannot be written", to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(unplaceable)?;
    }
    let beside = to.with_extension("wasm.new");
    fs::write(&beside, &bytes).with_context(unplaceable)?;
    fs::rename(&beside, to).with_context(unplaceable)?;
    Ok(bytes.len())
}

fn kibibytes(size: usize) -> String {
    let tenths = size.saturating_mul(10).div_ceil(1024);
    format!("{}.{} KiB", tenths / 10, tenths % 10)
}

/// Small enough to be read, hashed and compiled within one blink of a swap.
const SHIPPED_MAX: usize = 150 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::packages;

    fn package(name: &str, metadata: &str, crate_type: &str) -> Package {
        let text = format!(
            r#"{{ "packages": [{{ "name": "{name}", "rust_version": "1.95", "metadata": {metadata}, "dependencies": [],
                "targets": [{{ "name": "{name}", "crate_types": ["{crate_type}", "rlib"] }}] }}] }}"#
        );
        packages(&text).unwrap().remove(0)
    }

    #[test]
    fn guests_are_found_by_name_or_declaration_the_shipped_first() {
        let packages = [
            package("edgeloom-misbehaving-spins", "null", "cdylib"),
            package("edgeloom", "null", "lib"),
            package("edgeloom-filter-geo", "null", "cdylib"),
            package("probe", r#"{ "edgeloom": { "guest": "probes/head.wasm" } }"#, "cdylib"),
        ];
        let found = guests(&packages).unwrap();
        let found: Vec<_> =
            found.iter().map(|guest| (guest.artefact.as_str(), guest.place.as_path())).collect();
        let expected = [
            ("edgeloom_filter_geo.wasm", Path::new("geo.wasm")),
            ("edgeloom_misbehaving_spins.wasm", Path::new("misbehaving/spins.wasm")),
            ("probe.wasm", Path::new("probes/head.wasm")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_guest_that_cannot_be_built_or_placed_is_refused() {
        let refusal = |metadata: &str, crate_type: &str| {
            let packages = [package("edgeloom-filter-geo", metadata, crate_type)];
            guests(&packages).unwrap_err().root_cause().to_string()
        };
        assert_eq!(refusal("null", "lib"), "it has no library of crate-type cdylib");
        for place in ["../a.wasm", "/a.wasm", "a.txt", ""] {
            let metadata = format!(r#"{{ "edgeloom": {{ "guest": "{place}" }} }}"#);
            let expected = format!("its place is {place}, not the relative path of a .wasm file");
            assert_eq!(refusal(&metadata, "cdylib"), expected);
        }
    }

    #[test]
    fn a_file_that_is_in_its_place_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("edgeloom-xtask-{}", std::process::id()));
        let (from, to) = (folder.join("built"), folder.join("below/guest.wasm"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&from, "one").unwrap();
        assert_eq!(put(&from, &to).unwrap(), 3);
        let first = fs::metadata(&to).unwrap().modified().unwrap();
        put(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), first);
        fs::write(&from, "other").unwrap();
        assert_eq!(put(&from, &to).unwrap(), 5);
        assert_eq!(fs::read_to_string(&to).unwrap(), "other");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn warnings_are_counted() {
        let messages = r#"{"reason":"compiler-artifact","filenames":["a.wasm"]}
{"reason":"compiler-message","message":{"level":"warning","rendered":"unreachable `pub` item"}}
{"reason":"build-finished","success":true}"#;
        assert_eq!(warnings(messages), 1);
    }

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!(kibibytes(SHIPPED_MAX), "150.0 KiB");
        assert_eq!(kibibytes(SHIPPED_MAX + 1), "150.1 KiB");
    }
}
