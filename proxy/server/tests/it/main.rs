//! What is promised, asked of the real binary over real sockets with real filters.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, that is how a promise is found broken"
)]

mod tls; // what nobody else can read
mod identify; // who is asking
mod heads; // what is refused, and what is taken
mod limits; // how much a client may take
mod streams; // and each of their streams, of HTTP/2
mod abuse; // what they can do of HTTP/2 that asks for nothing
mod slow; // what those can do who take their time
mod descriptors; // how many files there may be
mod routing; // what they asked for
mod request_filters; // what filters say to it
mod upstreams; // who answers
mod balance; // which of them
mod health; // whether they are well
mod retries; // who is asked after one has failed
mod resilience; // what clients see of it under load
mod tunnels; // what goes on in another protocol
mod reach; // how they are reached
mod names; // where their names lead
mod upstream_tls; // how they are spoken to in secret
mod upstream_http2; // how those are asked that share connections
mod mirror; // who is sent copies
mod response_filters; // what filters say to the answer
mod answers; // what the edge itself says
mod compression; // what is made smaller
mod faults; // what a failing filter does to an exchange
mod logging; // what is remembered
mod admin; // what the operator can ask
mod swap; // how a generation follows another
mod shutdown; // how it all ends
mod conformance; // what the standards ask
mod clients; // what other people say of us
mod startup_errors; // what keeps an edge from starting
mod examples; // what operators read first

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use edgeloom_testbed::Edge;
use serde_json::Value;

/// Longer than anything takes that will happen.
const SOON: Duration = Duration::from_secs(20);

/// A module that `cargo xtask filters` built.
fn module(name: &str) -> PathBuf {
    let filters = std::env::var_os("EDGELOOM_FILTERS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters"), PathBuf::from);
    let path = filters.join(name).with_extension("wasm");
    assert!(path.is_file(), "{} is not there: run `cargo xtask filters` first", path.display());
    path.canonicalize().unwrap()
}

/// The access-log line of the exchange that asked for this path.
#[track_caller]
fn line_about(edge: &Edge, path: &str) -> Value {
    edge.wait_for_access(|line| line["path"] == path, SOON)
}

/// The line of the log with a message that begins so.
#[track_caller]
fn said(edge: &Edge, message: &str) -> Value {
    edge.wait_for_log(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)), SOON)
}

/// The value of a counter or gauge, as it is written in the metrics.
#[track_caller]
fn metric(edge: &Edge, name: &str) -> u64 {
    let text = edge.ask(edgeloom_testbed::Request::get("/metrics")).text().to_owned();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
}

/// Waits until there are no more of something than this.
#[track_caller]
fn wait_for_gauge(edge: &Edge, name: &str, most: u64) {
    let deadline = Instant::now() + SOON;
    loop {
        let there = metric(edge, name);
        if there <= most {
            return;
        }
        assert!(Instant::now() < deadline, "{name} is {there}, and stays above {most}");
        std::thread::yield_now();
    }
}

/// Waits until a counter has come to this. One that has no line yet has counted nothing.
#[track_caller]
fn wait_for_metric(edge: &Edge, name: &str, count: u64) {
    let deadline = Instant::now() + SOON;
    loop {
        let text = edge.ask(edgeloom_testbed::Request::get("/metrics")).text().to_owned();
        let counted = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
        if counted == count {
            return;
        }
        assert!(counted < count && Instant::now() < deadline, "{name} is {counted}, not {count}");
    }
}
