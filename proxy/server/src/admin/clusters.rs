//! Who can answer, and how they do, as JSON.

use std::sync::Arc;

use edgeloom_core::units::show_duration;
use serde::Serialize;

use crate::upstreams::endpoint::{Endpoint, KINDS};
use crate::upstreams::{Upstream, Upstreams};

#[derive(Serialize)]
struct Cluster<'a> {
    name: &'a str,
    /// Whether the cluster is left in peace.
    breaker_open: bool,
    /// Where their number is limited.
    exchanges: u32,
    waiting: usize,
    endpoints: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    address: String,
    /// `well`, `unwell` or `ejected`.
    state: &'static str,
    /// Why the last check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejected_for: Option<String>,
    tries: u64,
    failures: serde_json::Map<String, serde_json::Value>,
    ejections: u64,
}

pub(super) fn show(upstreams: &Upstreams) -> String {
    let clusters = upstreams.living();
    let shown: Vec<Cluster<'_>> = clusters.iter().map(cluster).collect();
    // Nothing in it can not be written as JSON.
    serde_json::to_string_pretty(&shown).map(|json| json + "\n").unwrap_or_default()
}

fn cluster(upstream: &Arc<Upstream>) -> Cluster<'_> {
    let (exchanges, waiting) = upstream.gate.look();
    Cluster {
        name: &upstream.name,
        breaker_open: upstream.breaker_is_open(),
        exchanges,
        waiting,
        endpoints: upstream.endpoints().iter().map(|one| endpoint(one)).collect(),
    }
}

fn endpoint(endpoint: &Endpoint) -> Shown {
    let seen = endpoint.look();
    let failures = KINDS.into_iter().zip(seen.failures);
    Shown {
        address: endpoint.at.to_string(),
        state: match (seen.healthy, seen.ejected_for) {
            (false, _) => "unwell",
            (true, Some(_)) => "ejected",
            (true, None) => "well",
        },
        reason: seen.reason,
        ejected_for: seen.ejected_for.map(show_duration),
        tries: seen.asked,
        failures: failures.map(|(kind, count)| (kind.to_owned(), count.into())).collect(),
        ejections: seen.ejections,
    }
}
