//! The real edge: the binary, in a process of its own.

mod launch;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub use launch::{Launch, StartError};

use crate::client::or_fail;
use crate::lines::Lines;
use crate::{Client, Request, Response, process};

/// An edge that is running. Dropping it kills it.
pub struct Edge {
    child: Mutex<Owned>,
    pid: u32,
    listeners: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    log: Lines,
    access: Lines,
    client: Client,
    configuration: PathBuf,
    /// Holds the configuration, where it was given as text.
    _folder: Option<TempDir>,
}

/// How an edge ended.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    /// From the signal to the end.
    pub took: Duration,
}

impl Edge {
    /// Starts an edge with this configuration; what it does not say is filled in: see [`Launch::yaml`].
    #[track_caller]
    pub fn start(yaml: &str) -> Self {
        or_fail(Launch::yaml(yaml).start())
    }

    /// The address of its first listener.
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// The addresses of its listeners, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.listeners
    }

    /// The address of its admin listener.
    #[expect(clippy::panic, reason = "for tests: they asked for one, or left it to us")]
    #[track_caller]
    pub fn admin(&self) -> SocketAddr {
        self.admin.unwrap_or_else(|| panic!("this edge has no admin listener"))
    }

    /// A client of its first listener.
    pub fn client(&self) -> &Client {
        &self.client
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.client.get(path)
    }

    #[track_caller]
    pub fn request(&self, request: Request) -> Response {
        self.client.request(request)
    }

    /// Asks the admin listener, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: Request) -> Response {
        Client::to(self.admin()).request(request)
    }

    /// Has it read its configuration anew; what it says to that.
    #[track_caller]
    pub fn reload(&self) -> Response {
        self.ask(Request::post("/v1/reload", ""))
    }

    /// The same, by signal.
    #[track_caller]
    pub fn hup(&self) {
        or_fail(self.signal(Signal::HUP));
    }

    /// Asks it to end, and does not wait.
    #[track_caller]
    pub fn terminate(&self) {
        or_fail(self.signal(Signal::TERM));
    }

    /// Asks it to end, and waits. One that does not end within a minute is killed.
    #[track_caller]
    pub fn stop(&self) -> Stopped {
        or_fail(self.signal(Signal::TERM));
        or_fail(self.ended(Duration::from_secs(60)))
    }

    /// Waits for its end; kills it when time is up.
    ///
    /// # Errors
    ///
    /// Where the system does not let us wait for it.
    pub fn ended(&self, within: Duration) -> io::Result<Stopped> {
        let asked = Instant::now();
        // Its standard error closes when it ends, and not before.
        let in_time = self.log.end(within);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_time {
            child.0.kill()?;
        }
        Ok(Stopped { status: child.0.wait()?, took: asked.elapsed() })
    }

    /// Asks it to end, if it has not ended, and waits; kills it when time is up.
    ///
    /// # Errors
    ///
    /// Where the system does not let us wait for it.
    pub fn end(&self, within: Duration) -> io::Result<Stopped> {
        // It may have ended by itself, which is what is wanted.
        let _ = self.signal(Signal::TERM);
        self.ended(within)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        // Until it has been waited for, nobody else gets its number.
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.0.try_wait()?.is_some() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the edge has ended already"));
        }
        Ok(kill_process(Pid::from_child(&child.0), signal)?)
    }

    /// Its log: standard error, line by line.
    pub fn log(&self) -> &Lines {
        &self.log
    }

    /// Its access log, where that goes to standard output.
    pub fn access(&self) -> &Lines {
        &self.access
    }

    /// The lines of its access log so far. The line about an exchange is written after its
    /// answer: [`Edge::wait_for_access`] waits for it.
    pub fn access_lines(&self) -> Vec<Value> {
        self.access.all()
    }

    /// The first line of its log, from its start on, that `is_it`.
    #[track_caller]
    pub fn wait_for_log(&self, is_it: impl Fn(&Value) -> bool, within: Duration) -> Value {
        found(&self.log, is_it, within)
    }

    /// The first line of its access log, from its start on, that `is_it`.
    #[track_caller]
    pub fn wait_for_access(&self, is_it: impl Fn(&Value) -> bool, within: Duration) -> Value {
        found(&self.access, is_it, within)
    }

    /// Its configuration file.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The folder of its configuration, where relative paths begin.
    pub fn folder(&self) -> &Path {
        self.configuration.parent().unwrap_or(Path::new("/"))
    }

    /// Edits its configuration as editors do: a new file takes the place of the old one.
    #[track_caller]
    pub fn edit(&self, change: impl FnOnce(&str) -> String) {
        let text = or_fail(fs::read_to_string(&self.configuration));
        or_fail(replace(&self.configuration, change(&text).as_bytes()));
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Processor time of all its threads so far.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub fn cpu(&self) -> io::Result<Duration> {
        process::cpu(self.pid)
    }

    /// The most memory that it has had in RAM at once, in bytes.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub fn peak_memory(&self) -> io::Result<u64> {
        process::peak_memory(self.pid)
    }
}

/// A process that does not outlive us.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Both fail only where it has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a file beside the old one and renames it over that: no reader sees half a file.
///
/// # Errors
///
/// Where the folder cannot be written to.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fresh = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(fresh.path(), content)?;
    fresh.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[expect(clippy::panic, reason = "for tests: the line was what they were about")]
#[track_caller]
fn found(lines: &Lines, is_it: impl Fn(&Value) -> bool, within: Duration) -> Value {
    lines.wait(0, within, is_it).unwrap_or_else(|| {
        let said: Vec<_> = lines.all().iter().rev().take(50).rev().map(ToString::to_string).collect();
        panic!("no such line within {within:?}; the last ones were:\n{}", said.join("\n"))
    })
}

#[cfg(test)]
mod tests;
