//! The counters as Prometheus reads them.

mod clusters; // who answers, and who does not

use std::fmt;
use std::sync::Arc;

use edgeloom_core::fault::FaultKind;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::handshakes::{self, CertificateLeft};
use super::{FilterMetrics, Metrics, PhaseMetrics, RouteMetrics, living};
use crate::upstreams::Upstreams;
use crate::upstreams::names::Name;

/// One look at everything that is counted.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) names: Vec<Arc<Name>>,
    pub(crate) generation: u64,
    pub(crate) draining: u64,
    pub(crate) exchanges_open: u64,
    pub(crate) connections_open: u64,
    /// Those that are shown now.
    pub(crate) certificates: Vec<CertificateLeft>,
    /// Of the access log, and of the process's own.
    pub(crate) log_lines_dropped: [u64; 2],
}

impl Scrape {
    /// As OpenMetrics text.
    pub(crate) fn into_text(self) -> String {
        let mut registry = Registry::with_prefix("edgeloom");
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing into a string can not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let gauges = [
            ("generation", "The number of the running generation", self.generation),
            ("generations_draining", "Earlier generations that still have exchanges", self.draining),
            ("exchanges_open", "Exchanges that have begun and not ended", self.exchanges_open),
            ("connections_open", "Connections from clients", self.connections_open),
            ("tunnels_open", "Connections that went on in another protocol", self.metrics.tunnels.get()),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Attempts to publish a next generation, by outcome";
        let mut swaps = encoder.encode_descriptor("swaps", help, None, MetricType::Counter)?;
        for (outcome, counter) in
            [("accepted", &self.metrics.swaps), ("refused", &self.metrics.swaps_refused)]
        {
            swaps
                .encode_family(&[("outcome", outcome)])?
                .encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)?;
        }
        let help = "Log lines dropped because nobody took them in time";
        let mut dropped = encoder.encode_descriptor("log_lines_dropped", help, None, MetricType::Counter)?;
        for (log, lines) in ["access", "own"].into_iter().zip(&self.log_lines_dropped) {
            dropped.encode_family(&[("log", log)])?.encode_counter::<NoLabelSet, _, u64>(lines, None)?;
        }
        let help = "Exchanges that were refused because there were too many at one time";
        encoder
            .encode_descriptor("exchanges_refused", help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&self.metrics.busy.get(), None)?;
        let help = "Connections that were closed before anything was asked on them, by why";
        let mut away =
            encoder.encode_descriptor("connections_turned_away", help, None, MetricType::Counter)?;
        for (reason, count) in self.metrics.turned_away.all() {
            away.encode_family(&[("reason", reason)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "Connections of HTTP/2 that were ended for what the client did, by what that was";
        let mut ended = encoder.encode_descriptor("connections_ended", help, None, MetricType::Counter)?;
        for (reason, count) in self.metrics.ended.all() {
            ended.encode_family(&[("reason", reason)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    /// Histograms of what nobody has asked yet are left out: of a hundred thousand routes they
    /// would be four million lines.
    fn routes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut routes = living(&self.metrics.routes, |route| &route.name);
        routes.push(Arc::clone(&self.metrics.unrouted));
        let help = "Exchanges that have ended, by route and class of status";
        let mut exchanges = encoder.encode_descriptor("exchanges", help, None, MetricType::Counter)?;
        for route in &routes {
            for (class, count) in
                ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(route.exchanges())
            {
                exchanges
                    .encode_family(&[("route", &*route.name), ("status", class)])?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Copies of requests for a second cluster, by what came of them";
        let mut mirrored = encoder.encode_descriptor("mirrored", help, None, MetricType::Counter)?;
        // Nearly no route has any.
        let mirrors = routes.iter().map(|route| (&*route.name, route.mirrored.all()));
        for (route, counts) in mirrors.filter(|(_, counts)| counts.iter().any(|(_, count)| *count > 0)) {
            for (outcome, count) in counts {
                mirrored
                    .encode_family(&[("route", route), ("outcome", outcome)])?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        type Of = fn(&RouteMetrics) -> &super::Histogram;
        let histograms: [(&str, &str, Of); 2] = [
            ("exchange_duration", "From the request's head to the response's last byte", |route| {
                &route.duration
            }),
            ("chain_duration", "Time that an exchange spent in filters, over both phases", |route| {
                &route.chain
            }),
        ];
        for (name, help, of) in histograms {
            let mut family =
                encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
            for route in routes.iter().filter(|route| !of(route).is_empty()) {
                of(route).encode(family.encode_family(&[("route", &*route.name)])?)?;
            }
        }
        Ok(())
    }

    fn filters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let filters = living(&self.metrics.filters, |filter| &filter.name);
        let help = "Calls of a filter, by phase, and how long they took";
        let mut calls = encoder.encode_descriptor(
            "filter_call_duration",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for filter in &filters {
            let called = phases(filter).into_iter().filter(|(_, counted)| !counted.calls.is_empty());
            for (phase, counted) in called {
                let labels = [("filter", &*filter.name), ("phase", phase)];
                counted.calls.encode(calls.encode_family(&labels)?)?;
            }
        }
        let help =
            "Calls that failed, by how: returned an error, trapped, overran the deadline, outgrew a limit";
        let mut faults = encoder.encode_descriptor("filter_faults", help, None, MetricType::Counter)?;
        for filter in &filters {
            for (phase, counted) in phases(filter) {
                for (kind, counter) in FaultKind::ALL.into_iter().zip(&counted.faults) {
                    faults
                        .encode_family(&[("filter", &*filter.name), ("phase", phase), ("kind", kind.name())])?
                        .encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)?;
                }
            }
        }
        let mut answers = encoder.encode_descriptor(
            "filter_answers",
            "Requests that a filter answered",
            None,
            MetricType::Counter,
        )?;
        for filter in &filters {
            answers
                .encode_family(&[("filter", &*filter.name)])?
                .encode_counter::<NoLabelSet, _, u64>(&filter.answers.get(), None)?;
        }
        Ok(())
    }
}

impl Scrape {
    fn names(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Look-ups of an endpoint's name, by outcome";
        let mut lookups = encoder.encode_descriptor("lookups", help, None, MetricType::Counter)?;
        for name in &self.names {
            let failed = name.failures.get();
            let answered = name.lookups.get().saturating_sub(failed);
            for (outcome, count) in [("answered", answered), ("failed", failed)] {
                lookups
                    .encode_family(&[("name", &*name.host), ("outcome", outcome)])?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Addresses of an endpoint's name that are used";
        let mut addresses = encoder.encode_descriptor("lookup_addresses", help, None, MetricType::Gauge)?;
        for name in &self.names {
            let count = u64::try_from(name.addresses()).unwrap_or(u64::MAX);
            addresses.encode_family(&[("name", &*name.host)])?.encode_gauge(&count)?;
        }
        Ok(())
    }
}

fn phases(filter: &FilterMetrics) -> [(&'static str, &PhaseMetrics); 2] {
    [("request", &filter.request), ("response", &filter.response)]
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.gauges(&mut encoder)?;
        self.counters(&mut encoder)?;
        self.metrics.handshakes.encode(&mut encoder)?;
        handshakes::encode_certificates(&self.certificates, &mut encoder)?;
        self.routes(&mut encoder)?;
        self.filters(&mut encoder)?;
        self.clusters(&mut encoder)?;
        self.names(&mut encoder)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_metric_has_its_name_and_labels() {
        let metrics = Arc::new(Metrics::new());
        let route = metrics.route("shop");
        route.count(Some(http::StatusCode::OK));
        route.duration.observe(Duration::from_millis(3));
        route.mirrored.failed.add();
        let filter = metrics.filter("locate");
        filter.request.calls.observe(Duration::from_micros(7));
        filter.request.fault(FaultKind::Overran);
        let upstreams = Arc::new(Upstreams::default());
        let _cluster = upstreams.named("north");
        metrics.swaps.add();
        let scrape = Scrape {
            metrics,
            upstreams,
            names: vec![crate::upstreams::names::Names::default().named("shop.internal")],
            generation: 6,
            draining: 1,
            exchanges_open: 2,
            connections_open: 3,
            certificates: vec![CertificateLeft {
                chain: "shop.pem".to_owned(),
                name: "shop.example".to_owned(),
                algorithm: "ecdsa",
                days: 89,
            }],
            log_lines_dropped: [4, 5],
        };
        let text = scrape.into_text();
        for line in [
            "edgeloom_generation 6",
            "edgeloom_exchanges_open 2",
            "edgeloom_tunnels_open 0",
            "edgeloom_handshakes_total{version=\"1.3\",session=\"resumed\"} 0",
            "edgeloom_handshake_failures_total{reason=\"late\"} 0",
            "edgeloom_certificate_days_left{certificate=\"shop.pem\",name=\"shop.example\",algorithm=\"ecdsa\"} 89",
            "edgeloom_swaps_total{outcome=\"accepted\"} 1",
            "edgeloom_log_lines_dropped_total{log=\"access\"} 4",
            "edgeloom_exchanges_total{route=\"shop\",status=\"2xx\"} 1",
            "edgeloom_mirrored_total{route=\"shop\",outcome=\"failed\"} 1",
            "edgeloom_exchanges_total{route=\"\",status=\"4xx\"} 0",
            "edgeloom_exchange_duration_seconds_bucket{le=\"0.0025\",route=\"shop\"} 0",
            "edgeloom_exchange_duration_seconds_bucket{le=\"0.005\",route=\"shop\"} 1",
            "edgeloom_filter_call_duration_seconds_count{filter=\"locate\",phase=\"request\"} 1",
            "edgeloom_filter_faults_total{filter=\"locate\",phase=\"request\",kind=\"overran\"} 1",
            "edgeloom_connect_failures_total{cluster=\"north\"} 0",
            "edgeloom_cluster_retries_total{cluster=\"north\"} 0",
            "edgeloom_cluster_breaker_open{cluster=\"north\"} 0",
            "edgeloom_lookups_total{name=\"shop.internal\",outcome=\"answered\"} 0",
            "edgeloom_lookup_addresses{name=\"shop.internal\"} 0",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\nis not in\n{text}");
        }
        assert!(!text.contains("filter_call_duration_seconds_count{filter=\"locate\",phase=\"response\"}"));
    }
}
