//! From a configuration to an edge that is ready.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Edge, Owned};
use crate::Client;
use crate::client::ClientError;
use crate::lines::Lines;

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Launch {
    configuration: Written,
    binary: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    descriptors: Option<(u64, u64)>,
    patience: Duration,
}

#[derive(Debug, Clone)]
enum Written {
    Text(String),
    File(PathBuf),
}

/// Why an edge did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("there is no edge to start: set EDGELOOM_BIN to the path of the `edgeloom` binary")]
    NoBinary,
    #[error("{} can not be run", .path.display())]
    Spawn { path: PathBuf, source: io::Error },
    #[error("the configuration of a test can not be written")]
    Write(#[source] io::Error),
    #[error("the edge ended before it was ready; it said:\n{said}")]
    Ended { code: Option<i32>, said: String },
    #[error("the edge is not ready after {patience:?}; it said:\n{said}")]
    Late { patience: Duration, said: String },
    #[error("the edge is ready, but did not say where it listens; it said:\n{said}")]
    Nowhere { said: String },
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Launch {
    /// With a configuration given as text, indented or not. What it does not mention is filled in:
    ///
    /// - `listeners`: one, on a free loopback port, that trusts the loopback;
    /// - `admin`: on a free loopback port;
    /// - `cache`: beside the binary, so that a filter is compiled once for all tests;
    /// - `modules`: the built filters that it uses, by their file names, from the folder in
    ///   EDGELOOM_FILTERS, else from `filters` beside the binary's folder.
    pub fn yaml(text: &str) -> Self {
        Self::of(Written::Text(unindented(text)))
    }

    /// With a configuration file, as it is.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::of(Written::File(path.into()))
    }

    fn of(configuration: Written) -> Self {
        Self { configuration, binary: None, environment: Vec::new(), descriptors: None, patience: PATIENCE }
    }

    /// Not the binary that EDGELOOM_BIN names, or cargo built.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How many files it may have open: the limit that it begins with, and the most that it may raise that to.
    #[must_use]
    pub fn descriptors(mut self, soft: u64, hard: u64) -> Self {
        self.descriptors = Some((soft, hard));
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Where it ends or does not become ready: the error has all that it said.
    pub fn start(self) -> Result<Edge, StartError> {
        let binary = self.binary.or_else(binary).ok_or(StartError::NoBinary)?;
        let (configuration, folder) = match self.configuration {
            Written::File(path) => (path, None),
            Written::Text(text) => {
                let folder = TempDir::with_prefix("edgeloom-").map_err(StartError::Write)?;
                let path = folder.path().join("edge.yaml");
                fs::write(&path, complete(&text, &binary)).map_err(StartError::Write)?;
                (path, Some(folder))
            }
        };
        let spawn_error = |source| StartError::Spawn { path: binary.clone(), source };
        let child = command(&binary, self.descriptors)
            .arg("run")
            .arg("--config")
            .arg(&configuration)
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn_error)?;
        let mut child = Owned(child);
        let (access, log) = listen_to(&mut child.0).map_err(spawn_error)?;
        ready(&mut child.0, &log, self.patience)?;
        let lines = log.all();
        let listeners = addresses(&lines, "listening");
        let nowhere = || StartError::Nowhere { said: said(&log) };
        let first = *listeners.first().ok_or_else(nowhere)?;
        Ok(Edge {
            pid: child.0.id(),
            child: Mutex::new(child),
            listeners,
            admin: addresses(&lines, "admin listening").first().copied(),
            log,
            access,
            client: Client::try_to(first)?,
            configuration,
            _folder: folder,
        })
    }
}

/// The binary, under a shell's limits where there are some: they are a process's own to set, before it is the edge.
fn command(binary: &Path, descriptors: Option<(u64, u64)>) -> Command {
    let Some((soft, hard)) = descriptors else { return Command::new(binary) };
    let mut shell = Command::new("sh");
    let limited = format!("ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" \"$@\"");
    shell.arg("-c").arg(limited).arg(binary);
    shell
}

/// Standard output and standard error, from now on read by us.
fn listen_to(child: &mut Child) -> io::Result<(Lines, Lines)> {
    let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
    let access = Lines::read(child.stdout.take().ok_or_else(closed)?, "edge access log")?;
    let log = Lines::read(child.stderr.take().ok_or_else(closed)?, "edge log")?;
    Ok((access, log))
}

/// Waits until it says that it is ready, or ends, or time is up.
fn ready(child: &mut Child, log: &Lines, patience: Duration) -> Result<(), StartError> {
    if log.wait(0, patience, |line| message(line) == Some("ready")).is_some() {
        return Ok(());
    }
    if !log.end(Duration::ZERO) {
        return Err(StartError::Late { patience, said: said(log) });
    }
    // It has closed its standard error, which it does only by ending.
    let code = child.wait().ok().and_then(|status| status.code());
    Err(StartError::Ended { code, said: said(log) })
}

fn message(line: &Value) -> Option<&str> {
    line.get("message")?.as_str()
}

fn addresses(lines: &[Value], about: &str) -> Vec<SocketAddr> {
    let lines = lines.iter().filter(|line| message(line) == Some(about));
    lines.filter_map(|line| line.get("address")?.as_str()?.parse().ok()).collect()
}

fn said(log: &Lines) -> String {
    let lines = log.all();
    let texts = lines.iter().map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned));
    texts.collect::<Vec<_>>().join("\n")
}

/// The binary that the environment names, or else cargo's: beside, or one folder above, our own.
fn binary() -> Option<PathBuf> {
    let named = ["EDGELOOM_BIN", "CARGO_BIN_EXE_edgeloom"].into_iter().find_map(std::env::var_os);
    named.map(PathBuf::from).or_else(|| {
        let own = std::env::current_exe().ok()?;
        let built = own.ancestors().skip(1).take(2).map(|folder| folder.join("edgeloom"));
        built.into_iter().find(|path| path.is_file())
    })
}

/// Without the indentation that all lines share: tests write YAML inside of functions.
fn unindented(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let shared = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let lines = text.lines().map(|line| line.get(shared..).unwrap_or_default());
    lines.fold(String::new(), |text, line| text + line + "\n")
}

fn complete(text: &str, binary: &Path) -> String {
    let says =
        |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    let folder = binary.parent().unwrap_or(Path::new("."));
    let mut whole = String::new();
    if !says("listeners") {
        whole += "listeners: [{ bind: '127.0.0.1:0', trust: ['127.0.0.0/8'] }]\n";
    }
    if !says("admin") {
        whole += "admin: { bind: '127.0.0.1:0' }\n";
    }
    if !says("cache") {
        whole += &format!("cache: {}\n", Value::from(folder.join("test-cache").to_string_lossy()));
    }
    if !says("modules") {
        let filters = std::env::var_os("EDGELOOM_FILTERS")
            .map_or_else(|| folder.parent().unwrap_or(folder).join("filters"), PathBuf::from);
        whole += &modules(text, &filters);
    }
    whole + text
}

/// A `modules` section with the files of this folder that the text uses.
fn modules(text: &str, folder: &Path) -> String {
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut used: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(name, _)| uses(text, name))
        .map(|(name, path)| format!("  {name}: {}\n", Value::from(format!("file:{}", path.display()))))
        .collect();
    used.sort();
    if used.is_empty() {
        return String::new();
    }
    format!("modules:\n{}", used.concat())
}

fn uses(text: &str, module: &str) -> bool {
    let mentions = text.split("module:").skip(1);
    mentions.into_iter().any(|rest| {
        let name = rest.trim_start().split(|end: char| end.is_whitespace() || ",}#".contains(end)).next();
        name == Some(module)
    })
}

/// Compiling four filters for the first time takes seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_indentation_is_taken_away() {
        assert_eq!(unindented("\n    a:\n      b: 1\n\n    c: 2\n"), "\na:\n  b: 1\n\nc: 2\n");
    }

    #[test]
    fn what_a_configuration_does_not_mention_is_filled_in() {
        let folder = TempDir::new().unwrap();
        for name in ["geo.wasm", "ab.wasm", "a.wasm", "geo.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let text =
            "filters:\n  locate: { module: geo, deadline: 1ms }\n  split:\n    module: ab\nadmin: off\n";
        assert!(uses(text, "geo") && uses(text, "ab") && !uses(text, "a"));
        let modules = modules(text, folder.path());
        assert_eq!(modules.lines().count(), 3, "{modules}");

        let whole = complete(text, Path::new("/target/release/edgeloom"));
        assert!(whole.contains("cache: \"/target/release/test-cache\"\n"));
        assert!(whole.starts_with("listeners:") && !whole.contains("admin: {"), "{whole}");
    }

    #[test]
    fn an_edge_that_ends_at_once_is_quoted() {
        let error = Launch::yaml("routes: []").binary("/bin/false").start().err().unwrap();
        assert!(matches!(error, StartError::Ended { code: Some(1), .. }), "{error:?}");
        let error = Launch::yaml("routes: []").binary("/nonexistent").start().err().unwrap();
        assert_eq!(error.to_string(), "/nonexistent can not be run");
    }
}
