//! What reads the counts of a profile. Their format is that of the compiler's LLVM, so its own is best.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Execute, program, which};

/// Every llvm-profdata there is, the toolchain's first; rustup is asked to add that.
///
/// # Errors
///
/// Where the compiler cannot be asked where it is.
pub(super) fn find() -> Result<Vec<PathBuf>> {
    let sysroot = PathBuf::from(program("rustc").args(["--print", "sysroot"]).read()?.trim());
    let own = toolchains_own(&sysroot).or_else(|| {
        rustup_adds_it();
        toolchains_own(&sysroot)
    });
    Ok(own.into_iter().chain(which(NAME)).collect())
}

/// Merges the counts in a folder into one profile, with the first that can read them.
///
/// # Errors
///
/// Where there are none, or nobody can read them.
pub(super) fn merge(readers: &[PathBuf], raw: &Path, profile: &Path) -> Result<()> {
    let files = fs::read_dir(raw).with_context(|| format!("{} cannot be read", raw.display()))?;
    let files = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    ensure!(!files.is_empty(), "nothing was counted: no process has written to {}", raw.display());
    for reader in readers {
        match program(reader).arg("merge").arg("-o").arg(profile).args(&files).run() {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("dist: {error:#}"),
        }
    }
    bail!("what was counted can not be read by {}", shown(readers))
}

fn shown(readers: &[PathBuf]) -> String {
    readers.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}

fn toolchains_own(sysroot: &Path) -> Option<PathBuf> {
    let hosts = fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let mut tools = hosts.filter_map(Result::ok).map(|host| host.path().join("bin").join(NAME));
    tools.find(|tool| tool.is_file())
}

/// Whether it did is seen by what is there then.
fn rustup_adds_it() {
    if which("rustup").is_none() {
        return;
    }
    eprintln!("dist: rustup is asked to add the component llvm-tools to this toolchain");
    let asked = program("rustup")
        .args(["component", "add", "llvm-tools"])
        // Where its server cannot be reached it would try again and again.
        .env("RUSTUP_MAX_RETRIES", "0")
        .run_within(RUSTUP_TAKES_AT_MOST);
    if let Err(error) = asked {
        eprintln!("dist: {error:#}");
    }
}

const NAME: &str = "llvm-profdata";
const RUSTUP_TAKES_AT_MOST: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_by_the_first_that_can() {
        let folder = std::env::temp_dir().join(format!("edgeloom-profdata-{}", std::process::id()));
        let (raw, profile) = (folder.join("raw"), folder.join("profile"));
        fs::create_dir_all(&raw).unwrap();
        let reader = |path: &str| PathBuf::from(path);
        let nothing = merge(&[reader("/bin/true")], &raw, &profile).unwrap_err().to_string();
        assert!(nothing.starts_with("nothing was counted"), "{nothing}");
        fs::write(raw.join("1.profraw"), "").unwrap();
        merge(&[reader("/nonexistent"), reader("/bin/false"), reader("/bin/true")], &raw, &profile).unwrap();
        let unreadable = merge(&[reader("/bin/false")], &raw, &profile).unwrap_err().to_string();
        assert_eq!(unreadable, "what was counted can not be read by /bin/false");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_toolchain_without_it_has_none() {
        assert_eq!(toolchains_own(Path::new("/nonexistent")), None);
    }
}
