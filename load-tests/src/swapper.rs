//! Swaps while oha asks: now the configuration, now a module.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use edgeloom_testbed::{Client, Edge, Request, replace};
use serde_json::Value;

use crate::ground::Bench;
use crate::request::Visitor;

/// A thread that swaps until it is told to finish.
pub(crate) struct Swapper {
    end: Sender<()>,
    thread: JoinHandle<Result<Swapped>>,
}

/// What was swapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swapped {
    /// Configurations edited, and had read by POST /v1/reload.
    pub(crate) edits: u64,
    /// Modules replaced, and noticed by the edge itself.
    pub(crate) replacements: u64,
    /// Generations that went live meanwhile.
    pub(crate) generations: u64,
}

struct Hands {
    edge: Client,
    admin: Client,
    request: Request,
    configuration: PathBuf,
    module: PathBuf,
    /// The last is the one that was found.
    versions: [Version; 2],
    every: Duration,
}

/// All that is swapped: equal in what it does, but for one header of the response.
struct Version {
    text: String,
    served_by: &'static str,
    module: Vec<u8>,
}

impl Swapper {
    pub(crate) fn start(edge: &Edge, bench: &Bench, visitor: &Visitor, every: Duration) -> Result<Self> {
        let text = fs::read_to_string(edge.configuration())?;
        let other = text.replace(&mark(FOUND), &mark(OTHER));
        ensure!(text != other, "the configuration has no `{}` to edit", mark(FOUND));
        let path = bench.filters().join("headers.wasm");
        let module = fs::read(&path)?;
        let hands = Hands {
            edge: Client::try_to(edge.address())?,
            admin: Client::try_to(edge.admin())?,
            request: visitor.request(),
            configuration: edge.configuration().to_owned(),
            module: path,
            versions: [
                Version { text: other, served_by: OTHER, module: with_custom_section(&module) },
                Version { text, served_by: FOUND, module },
            ],
            every,
        };
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("swapper".into()).spawn(move || hands.swap(&ended))?;
        Ok(Self { end, thread })
    }

    pub(crate) fn finish(self) -> Result<Swapped> {
        // Where it has failed, it is not listening any more.
        let _ = self.end.send(());
        self.thread.join().unwrap_or_else(|_panic| bail!("the swapper panicked"))
    }
}

impl Hands {
    fn swap(&self, ended: &Receiver<()>) -> Result<Swapped> {
        let first = self.generation()?;
        let mut swapped = Swapped::default();
        // A swap that takes long does not put off the ones after it.
        let mut due = Instant::now();
        let mut go_on = || {
            due = (due + self.every).max(Instant::now());
            let left = due.saturating_duration_since(Instant::now());
            ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout)
        };
        for version in self.versions.iter().cycle() {
            if !go_on() {
                break;
            }
            self.edit(version)?;
            swapped.edits += 1;
            if !go_on() {
                break;
            }
            replace(&self.module, &version.module)?;
            swapped.replacements += 1;
        }
        swapped.generations = self.generation()?.saturating_sub(first);
        // As it was found, for the next measurement.
        let [.., found] = &self.versions;
        replace(&self.module, &found.module)?;
        Ok(swapped)
    }

    /// Edits the configuration, has it read, and sees the next request answered by it.
    fn edit(&self, version: &Version) -> Result<()> {
        replace(&self.configuration, version.text.as_bytes())?;
        let answer = self.admin.attempt(Request::post("/v1/reload", ""))?;
        ensure!(answer.status() == 200, "a good configuration is refused: {}", answer.text());
        let response = self.edge.attempt(self.request.clone())?;
        let (expected, seen) = (version.served_by, response.header("x-served-by"));
        ensure!(seen == Some(expected), "after a swap to `{expected}` the next response says {seen:?}");
        Ok(())
    }

    fn generation(&self) -> Result<u64> {
        let answer: Value = self.admin.attempt(Request::get("/v1/generation"))?.try_json()?;
        answer
            .get("number")
            .and_then(Value::as_u64)
            .with_context(|| format!("/v1/generation does not give its number: {answer}"))
    }
}

/// The same module for whoever runs it, another for whoever compares bytes.
fn with_custom_section(module: &[u8]) -> Vec<u8> {
    let name = b"load-test";
    let length = u8::try_from(name.len()).unwrap_or_default();
    let section = [0, length + 1, length];
    [module, &section, name].concat()
}

/// In the settings of `headers`, in `scenarios/edge4.yaml`.
fn mark(served_by: &str) -> String {
    format!("x-served-by: {served_by}")
}

const FOUND: &str = "edgeloom";
const OTHER: &str = "swapped";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_section_is_appended() {
        assert_eq!(with_custom_section(b"\0asm"), b"\0asm\x00\x0a\x09load-test");
    }
}
