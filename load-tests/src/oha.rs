//! Who asks: several oha side by side, each with one visitor's headers.

mod output;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::request::Visitor;

/// oha, found and asked for its version.
pub(crate) struct Oha {
    path: PathBuf,
    version: String,
    /// In all; each visitor has its share of them.
    connections: u32,
}

/// How fast is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The next request on a connection when the last one is answered: for throughput, and cost.
    Closed,
    /// So many requests a second, whatever becomes of them: for latency. A request is as old as
    /// the moment at which it was due (corrected for coordinated omission).
    Fixed(u32),
}

/// What all of them saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// In milliseconds, by percent.
    pub(crate) percentiles: Vec<(f64, f64)>,
    /// Everything that was not answered with 200, and how often.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl Oha {
    pub(crate) fn find(path: &Path, connections: u32) -> Result<Self> {
        let output = Command::new(path).arg("--version").output();
        let output = output.with_context(|| {
            format!(
                "{} can not be run; `cargo install oha --locked` installs it, `--oha PATH` names it",
                path.display()
            )
        })?;
        let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
        ensure!(version.starts_with("oha "), "{} says `{version}` and is not oha", path.display());
        Ok(Self { path: path.to_owned(), version, connections })
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// Has all visitors ask at once, for that long.
    pub(crate) fn ask(
        &self,
        address: SocketAddr,
        visitors: &[Visitor],
        pace: Pace,
        span: Duration,
    ) -> Result<Seen> {
        let count = u32::try_from(visitors.len()).unwrap_or(u32::MAX).max(1);
        let share =
            Share { connections: (self.connections / count).max(1), pace: pace.shared_by(count), span };
        let running =
            visitors.iter().map(|visitor| self.start(address, visitor, share)).collect::<Result<Vec<_>>>()?;
        // Whoever ends first waits at its output, having measured all it had to.
        let outputs = running.into_iter().map(|oha| oha.output()).collect::<Result<Vec<_>>>()?;
        match pace {
            Pace::Closed => output::of_closed(&outputs),
            Pace::Fixed(_) => output::of_fixed(&outputs, share.pace, span),
        }
    }

    fn start(&self, address: SocketAddr, visitor: &Visitor, share: Share) -> Result<Owned> {
        let mut command = Command::new(&self.path);
        command
            .args(["--no-tui", "--redirect", "0", "-t", "10s", "--worker-threads", "1"])
            // Else what is under way at the end would count as an error.
            .arg("--wait-ongoing-requests-after-deadline")
            .args(["-c", &share.connections.to_string(), "-z", &format!("{}ms", share.span.as_millis())])
            .args(
                visitor
                    .headers()
                    .iter()
                    .flat_map(|(name, value)| ["-H".to_owned(), format!("{name}: {value}")]),
            )
            .args(["--rand-regex-url", &visitor.url_pattern(address)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match share.pace {
            Pace::Closed => command.args(["--output-format", "json"]),
            // A line for each request: percentiles of several can not be had from percentiles of each.
            Pace::Fixed(rate) => {
                command.args(["-q", &rate.to_string(), "--latency-correction", "--output-format", "csv"])
            }
        };
        let child = command.spawn().with_context(|| format!("{} can not be run", self.path.display()))?;
        Ok(Owned(Some(child)))
    }
}

/// What one of them does.
#[derive(Clone, Copy)]
struct Share {
    connections: u32,
    pace: Pace,
    span: Duration,
}

impl Pace {
    fn shared_by(self, count: u32) -> Self {
        match self {
            Self::Closed => Self::Closed,
            Self::Fixed(rate) => Self::Fixed((rate / count).max(1)),
        }
    }
}

/// A process that does not outlive us.
struct Owned(Option<Child>);

impl Owned {
    fn output(mut self) -> Result<Vec<u8>> {
        let child = self.0.take().context("oha was waited for already")?;
        let output = child.wait_with_output().context("oha can not be waited for")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "oha ended with {}: {}", output.status, complaint.trim());
        Ok(output.stdout)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_oha_is_refused() {
        let error = Oha::find(Path::new("/bin/true"), 1).err().unwrap();
        assert!(error.to_string().ends_with("` and is not oha"), "{error}");
        let error = Oha::find(Path::new("/nonexistent"), 1).err().unwrap();
        assert!(error.to_string().contains("cargo install oha --locked"));
    }
}
