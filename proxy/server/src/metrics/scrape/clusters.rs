//! Who answers, and who does not.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Scrape;
use crate::metrics::Counter;
use crate::upstreams::Upstream;
use crate::upstreams::endpoint::{KINDS, Seen};

/// A cluster, with its endpoints by their addresses.
struct Looked {
    upstream: Arc<Upstream>,
    endpoints: Vec<(String, Seen)>,
}

impl Scrape {
    pub(super) fn clusters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let look = |upstream: Arc<Upstream>| Looked {
            endpoints: upstream.endpoints().iter().map(|one| (one.at.to_string(), one.look())).collect(),
            upstream,
        };
        let clusters: Vec<Looked> = self.upstreams.living().into_iter().map(look).collect();
        of_clusters(&clusters, encoder)?;
        of_endpoints(&clusters, encoder)
    }
}

fn of_clusters(clusters: &[Looked], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    type Count = fn(&Upstream) -> &Counter;
    let counters: [(&str, &str, Count); 7] = [
        ("connect_failures", "Endpoints that could not be connected to, by cluster", |upstream| {
            &upstream.counts.connect_failures
        }),
        ("cluster_retries", "Requests that were sent to another endpoint after one had failed", |upstream| {
            &upstream.counts.retries
        }),
        ("cluster_retries_refused", "Requests that the budget allowed no further try", |upstream| {
            &upstream.counts.retries_refused
        }),
        ("cluster_overloads", "Requests that were too many at one time", |upstream| {
            &upstream.counts.overloads
        }),
        ("cluster_breaks", "How often most failed, and the cluster was left in peace", |upstream| {
            &upstream.counts.breaker_opened
        }),
        ("cluster_failovers", "Picks from another cluster, because nobody here could be asked", |upstream| {
            &upstream.counts.failovers
        }),
        ("cluster_panics", "Picks of an unwell endpoint, because hardly any was well", |upstream| {
            &upstream.counts.panics
        }),
    ];
    for (name, help, of) in counters {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for Looked { upstream, .. } in clusters {
            family
                .encode_family(&[("cluster", &*upstream.name)])?
                .encode_counter::<NoLabelSet, _, u64>(&of(upstream).get(), None)?;
        }
    }
    type Gauge = fn(&Upstream) -> u64;
    let gauges: [(&str, &str, Gauge); 3] = [
        ("cluster_breaker_open", "1 while the cluster is left in peace", |upstream| {
            upstream.breaker_is_open().into()
        }),
        ("cluster_exchanges", "Exchanges under way, where their number is limited", |upstream| {
            upstream.gate.look().0.into()
        }),
        ("cluster_waiting", "Exchanges that wait for others to end", |upstream| {
            u64::try_from(upstream.gate.look().1).unwrap_or(u64::MAX)
        }),
    ];
    for (name, help, of) in gauges {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for Looked { upstream, .. } in clusters {
            family.encode_family(&[("cluster", &*upstream.name)])?.encode_gauge(&of(upstream))?;
        }
    }
    Ok(())
}

fn of_endpoints(clusters: &[Looked], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    type Of = fn(&Seen) -> u64;
    let numbers: [(&str, &str, MetricType, Of); 5] = [
        ("endpoint_tries", "Requests sent to it, tries again included", MetricType::Counter, |seen| {
            seen.asked
        }),
        ("endpoint_ejections", "How often it was left alone", MetricType::Counter, |seen| seen.ejections),
        ("endpoint_healthy", "1 unless checks say that it is unwell", MetricType::Gauge, |seen| {
            seen.healthy.into()
        }),
        ("endpoint_ejected", "1 while it is left alone", MetricType::Gauge, |seen| {
            seen.ejected_for.is_some().into()
        }),
        ("endpoint_exchanges", "Exchanges under way, where that is counted", MetricType::Gauge, |seen| {
            seen.load.into()
        }),
    ];
    for (name, help, kind, of) in numbers {
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for Looked { upstream, endpoints } in clusters {
            for (endpoint, seen) in endpoints {
                let labels = [("cluster", &*upstream.name), ("endpoint", endpoint.as_str())];
                let mut encoder = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&of(seen), None)?,
                    _ => encoder.encode_gauge(&of(seen))?,
                }
            }
        }
    }
    let help = "Tries that failed, by how: no connection, broken off, too late, or a status that says so";
    let mut failures = encoder.encode_descriptor("endpoint_failures", help, None, MetricType::Counter)?;
    for Looked { upstream, endpoints } in clusters {
        for (endpoint, seen) in endpoints {
            for (kind, count) in KINDS.into_iter().zip(&seen.failures) {
                let labels = [("cluster", &*upstream.name), ("endpoint", endpoint.as_str()), ("kind", kind)];
                failures.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
    }
    Ok(())
}
