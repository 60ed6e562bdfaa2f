//! Who asks: oha, in a process of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::request::Visitor;

/// oha, found and asked for its version.
pub(crate) struct Oha {
    path: PathBuf,
    version: String,
    connections: u32,
}

/// What oha saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Everything that was not answered with 200, and how often.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// The part of its JSON that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: Percentiles,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

/// In seconds; `null` where nothing was answered.
#[derive(Deserialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
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

    /// Asks for that long, as fast as it is answered.
    pub(crate) fn ask(&self, address: SocketAddr, visitor: &Visitor, span: Duration) -> Result<Seen> {
        let mut command = Command::new(&self.path);
        command
            .args(["--no-tui", "--output-format", "json", "--redirect", "0", "-t", "10s"])
            // Else what is under way at the end would count as an error.
            .arg("--wait-ongoing-requests-after-deadline")
            .args(["-c", &self.connections.to_string(), "-z", &format!("{}ms", span.as_millis())])
            .args(
                visitor
                    .headers()
                    .iter()
                    .flat_map(|(name, value)| ["-H".to_owned(), format!("{name}: {value}")]),
            )
            .args(["--rand-regex-url", &visitor.url_pattern(address)])
            .stdin(Stdio::null());
        let output = command.output().with_context(|| format!("{} can not be run", self.path.display()))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "oha ended with {}: {}", output.status, complaint.trim());
        read(&output.stdout).with_context(|| format!("oha's report can not be read: {}", complaint.trim()))
    }
}

fn read(json: &[u8]) -> Result<Seen> {
    let output: Output = serde_json::from_slice(json)?;
    let answered: u64 = output.status_code_distribution.values().sum();
    let failed: u64 = output.error_distribution.values().sum();
    let refused = output.status_code_distribution.into_iter().filter(|(status, _)| status != "200");
    let errors = refused.map(|(status, count)| (format!("status {status}"), count));
    let milliseconds = |seconds: Option<f64>| seconds.unwrap_or(f64::NAN) * 1e3;
    Ok(Seen {
        requests: answered + failed,
        per_second: output.summary.requests_per_sec,
        p50_ms: milliseconds(output.latency_percentiles.p50),
        p99_ms: milliseconds(output.latency_percentiles.p99),
        errors: errors.chain(output.error_distribution).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_200_is_an_error() {
        let seen = read(
            br#"{
                "summary": { "successRate": 1.0, "requestsPerSec": 1234.5 },
                "latencyPercentiles": { "p50": 0.001, "p99": 0.0025 },
                "statusCodeDistribution": { "200": 90, "502": 7 },
                "errorDistribution": { "connection closed": 3 }
            }"#,
        )
        .unwrap();
        assert_eq!((seen.requests, seen.per_second, seen.p50_ms, seen.p99_ms), (100, 1234.5, 1.0, 2.5));
        let errors: Vec<_> = seen.errors.into_iter().collect();
        assert_eq!(errors, [("connection closed".to_owned(), 3), ("status 502".to_owned(), 7)]);
    }

    #[test]
    fn what_is_not_oha_is_refused() {
        let error = Oha::find(Path::new("/bin/true"), 1).err().unwrap();
        assert!(error.to_string().ends_with("` and is not oha"), "{error}");
        let error = Oha::find(Path::new("/nonexistent"), 1).err().unwrap();
        assert!(error.to_string().contains("cargo install oha --locked"));
    }
}
