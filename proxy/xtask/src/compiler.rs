//! What compiles guests to Wasm: rustup's target where it can be had, else Debian's compiler.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{Execute, path_with, program, which};
use crate::house::House;
use crate::install;

/// The target that guests are built for: nothing can be imported but what their world names.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A way to compile guests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// This toolchain has the target.
    Toolchain,
    /// Debian's compiler builds the standard library too; this toolchain's linker links.
    Debian { rustc: PathBuf, linkers: PathBuf },
}

impl Compiler {
    /// The best one to be had here, after an installation if need be. Says which, and why.
    ///
    /// # Errors
    ///
    /// Where this machine has none and none can be installed.
    pub(crate) fn find(house: &House) -> Result<Self> {
        if has_target()? {
            eprintln!("filters: compiling with this toolchain's {TARGET}");
            return Ok(Self::Toolchain);
        }
        let refusal = match rustup_adds_target(&refusals(house))? {
            Asked::Added => {
                eprintln!("filters: compiling with this toolchain's {TARGET}, which rustup has just added");
                return Ok(Self::Toolchain);
            }
            Asked::Refused(refusal) => refusal,
        };
        let debian = from_debian(house).with_context(|| {
            format!("there is nothing to compile filters with: {refusal}, and Debian's rustc-web cannot be used either")
        })?;
        eprintln!("filters: compiling with Debian's rustc-web and rust-web-src, as {refusal}");
        Ok(debian)
    }

    /// In a few words.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Toolchain => "the same rustc",
            Self::Debian { .. } => "Debian's rustc-web",
        }
    }

    /// A cargo that builds for [`TARGET`] with it. The arguments that follow it follow `build`.
    pub(crate) fn cargo_build(&self, house: &House) -> Result<Command> {
        let mut cargo = house.cargo();
        for (variable, _) in env::vars_os() {
            if variable.to_str().is_some_and(steers_compilers) {
                cargo.env_remove(variable);
            }
        }
        cargo.args(["build", "--target", TARGET]);
        if let Self::Debian { rustc, linkers } = self {
            cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1").env("PATH", path_with(linkers)?);
            // No features: the standard library's backtraces are of no use in a guest, but large.
            cargo.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]);
        }
        Ok(cargo)
    }
}

/// Variables by which somebody steers how native code is compiled; guests are compiled in one way only.
fn steers_compilers(variable: &str) -> bool {
    const PREFIXES: [&str; 4] = ["RUSTC", "RUSTFLAGS", "CARGO_BUILD_", "CARGO_PROFILE_"];
    let target = variable.starts_with("CARGO_TARGET_") && variable != "CARGO_TARGET_DIR";
    let is_other = ["CARGO_ENCODED_RUSTFLAGS", "CARGO_UNSTABLE_BUILD_STD"].contains(&variable);
    target || is_other || PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

fn has_target() -> Result<bool> {
    let folder = program("rustc").args(["--print", "target-libdir", "--target", TARGET]).read()?;
    Ok(Path::new(folder.trim()).is_dir())
}

enum Asked {
    Added,
    /// Why not; a part of a sentence.
    Refused(String),
}

fn rustup_adds_target(refusals: &Path) -> Result<Asked> {
    if which("rustup").is_none() {
        return Ok(Asked::Refused(format!(
            "this toolchain has no {TARGET} and there is no rustup to add it"
        )));
    }
    let toolchain = sysroot("rustc")?;
    let toolchain = toolchain.display();
    let recent = fs::metadata(refusals).and_then(|file| file.modified()).is_ok_and(|refused| {
        // A time in the future is a clock that was put right: ask again.
        refused.elapsed().is_ok_and(|age| age < REFUSAL_HOLDS)
    });
    if recent && fs::read_to_string(refusals).is_ok_and(|of| of == toolchain.to_string()) {
        let path = refusals.display();
        return Ok(Asked::Refused(format!(
            "rustup could not add {TARGET} a while ago (remove {path} to ask it again)"
        )));
    }
    eprintln!("filters: rustup is asked to add {TARGET} to this toolchain");
    let status = program("rustup")
        .args(["target", "add", TARGET])
        // Where its server cannot be reached it would try again and again.
        .envs([("RUSTUP_MAX_RETRIES", "0"), ("RUST_BACKTRACE", "0")])
        .run_within(RUSTUP_TAKES_AT_MOST)?;
    if status.is_some_and(|status| status.success()) && has_target()? {
        return Ok(Asked::Added);
    }
    if let Some(folder) = refusals.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    fs::write(refusals, toolchain.to_string())
        .with_context(|| format!("{} cannot be written", refusals.display()))?;
    Ok(Asked::Refused(match status {
        Some(_) => format!("rustup could not add {TARGET}"),
        None => format!("rustup could not add {TARGET} within {} seconds", RUSTUP_TAKES_AT_MOST.as_secs()),
    }))
}

/// Debian's compiler, with the source of its standard library; installed if need be.
fn from_debian(house: &House) -> Result<Compiler> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let wanted =
        house.packages().iter().filter_map(|package| package.rust_version.as_deref()).find_map(version);
    let wanted = wanted.context("no package of the workspace says which compiler it needs")?;
    if !is_usable(&rustc, wanted) {
        install::debian(
            &["rustc-web", "rust-web-src"],
            "a compiler that can build filters, with its standard library",
        )?;
    }
    if !is_usable(&rustc, wanted) {
        let (major, minor) = wanted;
        bail!(
            "{} is older than {major}.{minor}, or without the source of its standard library",
            rustc.display()
        );
    }
    let linkers = native_tools(&sysroot("rustc")?).context("this toolchain has no rust-lld")?;
    Ok(Compiler::Debian { rustc, linkers })
}

fn is_usable(rustc: &Path, wanted: (u32, u32)) -> bool {
    let Ok(found) = program(rustc).arg("--version").read() else {
        return false;
    };
    let Ok(sysroot) = sysroot(rustc) else {
        return false;
    };
    let library = sysroot.join("lib/rustlib/src/rust/library");
    let has_source = library.join("Cargo.lock").is_file() && library.join("std/Cargo.toml").is_file();
    has_source && found.split(' ').nth(1).and_then(version).is_some_and(|found| found >= wanted)
}

/// The folder of this toolchain that has rust-lld.
fn native_tools(sysroot: &Path) -> Option<PathBuf> {
    let hosts = fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let tools = hosts.filter_map(Result::ok).map(|host| host.path().join("bin"));
    tools.into_iter().find(|folder| folder.join("rust-lld").is_file())
}

fn sysroot(rustc: impl AsRef<std::ffi::OsStr>) -> Result<PathBuf> {
    Ok(PathBuf::from(program(rustc).args(["--print", "sysroot"]).read()?.trim()))
}

/// `1.95`, `1.95.0` or `1.95.0-nightly` as numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn refusals(house: &House) -> PathBuf {
    house.target().join("wasm/rustup-refused")
}

const RUSTUP_TAKES_AT_MOST: Duration = Duration::from_secs(60);
const REFUSAL_HOLDS: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("1.95"), Some((1, 95)));
        assert_eq!(version("1.96.0-nightly"), Some((1, 96)));
        assert_eq!(version("dev"), None);
        assert!(version("1.100.0") > version("1.95"));
    }

    #[test]
    fn a_guests_compilation_is_steered_by_nobody_else() {
        for variable in [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_ENCODED_RUSTFLAGS",
        ] {
            assert!(steers_compilers(variable), "{variable}");
        }
        for variable in
            ["CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN", "RUST_BACKTRACE", "CARGO_HOME", "CARGO_NET_RETRY"]
        {
            assert!(!steers_compilers(variable), "{variable}");
        }
    }

    #[test]
    fn a_compiler_that_is_not_there_is_not_usable() {
        assert!(!is_usable(Path::new("/nonexistent/rustc"), (1, 0)));
        assert_eq!(native_tools(Path::new("/nonexistent")), None);
    }
}
