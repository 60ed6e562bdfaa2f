//! Running other programs: their failures name what was run, their environment is not cargo's leftovers.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// A program without the variables that `cargo run` has set for *us*: a build script that watches one
/// of them would otherwise run again whenever it is built from here and then by hand.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for (variable, value) in env::vars_os() {
        let Some(variable) = variable.to_str() else {
            continue;
        };
        if is_ours(variable) {
            command.env_remove(variable);
        } else if variable == LIBRARY_PATH {
            match foreign_folders(&value, is_toolchain) {
                Some(folders) => command.env(LIBRARY_PATH, folders),
                None => command.env_remove(LIBRARY_PATH),
            };
        }
    }
    command
}

/// What can be asked of a command.
pub(crate) trait Execute {
    /// Runs it to its end, its output being ours.
    ///
    /// # Errors
    ///
    /// Where it cannot be started, or ends with anything but success.
    fn run(&mut self) -> Result<()>;

    /// Runs it to its end and returns what it wrote to its standard output.
    ///
    /// # Errors
    ///
    /// As [`Execute::run`], and where it wrote what is not UTF-8.
    fn read(&mut self) -> Result<String>;

    /// Runs it for at most so long; `None` if it had to be killed.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    fn run_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>>;

    /// Becomes it: signals and the exit code are between it and the terminal from here on.
    fn become_it(&mut self) -> anyhow::Error;
}

impl Execute for Command {
    fn run(&mut self) -> Result<()> {
        let status = self.status().with_context(|| unstartable(self))?;
        succeeded(self, status)
    }

    fn read(&mut self) -> Result<String> {
        let output = self.stderr(Stdio::inherit()).output().with_context(|| unstartable(self))?;
        succeeded(self, output.status)?;
        String::from_utf8(output.stdout).with_context(|| format!("{} wrote what is not text", shown(self)))
    }

    fn run_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        // The program's end is noticed by the end of its standard output.
        let mut child = self.stdout(Stdio::piped()).spawn().with_context(|| unstartable(self))?;
        let (ended, end) = mpsc::channel();
        if let Some(mut output) = child.stdout.take() {
            thread::spawn(move || {
                let copied = io::copy(&mut output, &mut io::stderr());
                // Nobody listens any more where the time was up.
                let _ = ended.send(copied);
            });
        }
        let late = end.recv_timeout(limit).is_err();
        if late {
            // It may have ended in this very moment.
            let _ = child.kill();
        }
        let status = child.wait().with_context(|| unstartable(self))?;
        Ok((!late).then_some(status))
    }

    fn become_it(&mut self) -> anyhow::Error {
        let error = self.exec();
        anyhow!(error).context(unstartable(self))
    }
}

/// Fails, naming the command, unless this is success.
pub(crate) fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Where a program of this name is, by PATH.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// PATH with this folder before all others.
pub(crate) fn path_with(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&path));
    env::join_paths(folders).context("a folder on PATH has a colon in its name")
}

fn unstartable(command: &Command) -> String {
    format!("`{}` cannot be run", command.get_program().display())
}

/// The command as one would type it, as far as one wants to read it.
fn shown(command: &Command) -> String {
    let path = Path::new(command.get_program());
    let mut shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    for word in command.get_args() {
        if shown.len() > SHOWN_MAX {
            return shown + " …";
        }
        shown = shown + " " + &word.to_string_lossy();
    }
    shown
}

/// Set by cargo for the program that it runs: about our own package, and nobody else's business.
fn is_ours(variable: &str) -> bool {
    const ABOUT_US: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    ABOUT_US.iter().any(|prefix| variable.starts_with(prefix)) || variable == "CARGO_PRIMARY_PACKAGE"
}

fn foreign_folders(value: &OsStr, is_ours: impl Fn(&Path) -> bool) -> Option<OsString> {
    let mut folders = env::split_paths(value).filter(|folder| !is_ours(folder)).peekable();
    folders.peek()?;
    env::join_paths(folders).ok()
}

/// Whether cargo has put this folder on the library path: its own, or that of its compiler, whose
/// libraries another compiler must not find.
fn is_toolchain(folder: &Path) -> bool {
    let rustup = env::var_os("RUSTUP_HOME").is_some_and(|home| folder.starts_with(home));
    rustup || folder.components().any(|part| part.as_os_str() == "target" || part.as_os_str() == "rustlib")
}

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// A line of a terminal; the packages of the workspace would fill ten.
const SHOWN_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_about_us_is_not_passed_on() {
        for variable in
            ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE"]
        {
            assert!(is_ours(variable), "{variable}");
        }
        for variable in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR", "RUSTUP_TOOLCHAIN", "PATH"] {
            assert!(!is_ours(variable), "{variable}");
        }
    }

    #[test]
    fn folders_of_others_stay_on_the_library_path() {
        let value = OsStr::new("/a/target/debug:/opt/lib:/a/target/debug/deps");
        let of_cargo = |folder: &Path| folder.starts_with("/a/target");
        assert_eq!(foreign_folders(value, of_cargo), Some("/opt/lib".into()));
        assert_eq!(foreign_folders(OsStr::new("/a/target/debug"), of_cargo), None);
        assert!(is_toolchain(Path::new("/a/target/xtask/debug/deps")));
        assert!(is_toolchain(Path::new("/t/lib/rustlib/x86_64-unknown-linux-gnu/lib")));
        assert!(!is_toolchain(Path::new("/opt/targets/lib")));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = program("/bin/sh").args(["-c", "exit 3"]).run().unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` ended with exit status: 3");
        let error = program("no-such-program").run().unwrap_err();
        assert_eq!(error.to_string(), "`no-such-program` cannot be run");
    }

    #[test]
    fn a_command_of_many_words_is_cut_short() {
        let mut command = Command::new("echo");
        command.args(["twenty letters, each"; 9]);
        assert_eq!(shown(&command), format!("echo{} …", " twenty letters, each".repeat(4)));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let mut quick = program("true");
        assert!(quick.run_within(Duration::from_secs(30)).unwrap().unwrap().success());
        let mut slow = program("sleep");
        assert_eq!(slow.arg("60").run_within(Duration::from_millis(20)).unwrap(), None);
    }
}
