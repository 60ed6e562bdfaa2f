//! One measurement: an edge is started, asked, and ended.

mod swapper;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use edgeloom_testbed::{Client, Configuration, Edge, Launch, Manner, Origin, Request, geo};
use tempfile::TempDir;

use crate::oha::{Oha, Seen};
use crate::request::{PATH, Visitor};
use crate::scenario::Scenario;
pub(crate) use swapper::Swapped;

/// What all measurements share.
pub(crate) struct Bench {
    binary: PathBuf,
    /// Holds copies of the filters, which swaps replace, and the geo database.
    folder: TempDir,
    origin: Origin,
    swap_every: Duration,
}

/// What one measurement found.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) seen: Seen,
    /// Of the edge, for each request.
    pub(crate) cpu: Duration,
    /// Of the edge, in bytes.
    pub(crate) peak_memory: u64,
    /// Of filters, as the edge counts them: what lies behind errors.
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) swapped: Option<Swapped>,
}

impl Bench {
    pub(crate) fn set_up(binary: &Path, filters: &Path, swap_every: Duration) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "there is no edge at {}; `cargo build --release` makes one",
            binary.display()
        );
        let folder = TempDir::with_prefix("edgeloom-load-")?;
        for name in FILTERS {
            let from = filters.join(name);
            fs::copy(&from, folder.path().join(name)).with_context(|| {
                format!("{} can not be copied; `cargo xtask filters` builds it", from.display())
            })?;
        }
        geo::write(geo::Layout::City, &folder.path().join(DATABASE))?;
        let origin = Origin::start(ANY, Manner::kibibyte().named("both"))?;
        Ok(Self { binary: binary.canonicalize()?, folder, origin, swap_every })
    }

    /// An edge whose origins echo, to see what it does.
    pub(crate) fn rehearsal(&self, scenario: Scenario) -> Result<(Edge, Vec<Origin>)> {
        let echo = |name: &str| Origin::start(ANY, Manner::echo().named(name));
        let origins = vec![echo("north")?, echo("south")?];
        let edge = self.start(scenario, |cluster| {
            let origin = if cluster == "north" { origins.first() } else { origins.last() };
            origin.map(Origin::address)
        })?;
        Ok((edge, origins))
    }

    /// Takes the time of a scenario, once it is known to do its job.
    pub(crate) fn measure(
        &self,
        scenario: Scenario,
        visitor: &Visitor,
        oha: &Oha,
        span: Duration,
    ) -> Result<Measured> {
        let (rehearsal, _origins) = self.rehearsal(scenario)?;
        visitor.check(rehearsal.client(), scenario)?;
        drop(rehearsal);

        let edge = self.start(scenario, |_| Some(self.origin.address()))?;
        let response = edge.client().attempt(visitor.request(PATH))?;
        ensure!(
            response.status() == 200 && response.body().len() == 1024,
            "the origin's answer does not come through"
        );
        oha.ask(edge.address(), visitor, WARM_UP)?;
        let swaps = scenario.swaps().then(|| swapper::Swapper::start(&edge, self, visitor)).transpose()?;
        let before = edge.cpu()?;
        let seen = oha.ask(edge.address(), visitor, span)?;
        let spent = edge.cpu()?.saturating_sub(before);
        let swapped = swaps.map(swapper::Swapper::finish).transpose()?;
        let peak_memory = edge.peak_memory()?;
        let metrics = Client::try_to(edge.admin())?.attempt(Request::get("/metrics"))?;
        let faults = faults(metrics.text());
        let end = edge.end(PATIENCE)?;
        ensure!(end.status.success(), "the edge ended with {}", end.status);
        ensure!(seen.requests > 0, "nothing was asked");
        let cpu = spent.div_f64(requests(&seen));
        Ok(Measured { seen, cpu, peak_memory, faults, swapped })
    }

    fn start(&self, scenario: Scenario, origin_of: impl Fn(&str) -> Option<SocketAddr>) -> Result<Edge> {
        let configuration = self.configuration(scenario, origin_of)?;
        let file = self.folder.path().join("edge.yaml");
        configuration.write(&file)?;
        Ok(Launch::file(file).binary(&self.binary).start()?)
    }

    fn configuration(
        &self,
        scenario: Scenario,
        origin_of: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Configuration> {
        let file = scenario.file();
        // The report is a text of many lines already.
        let or_report = |result: Result<Configuration, _>| match result {
            Ok(configuration) => Ok(configuration),
            Err(report) => bail!("{} is not a configuration:\n{report}", file.display()),
        };
        let written = or_report(Configuration::read(&file))?;
        let mut moved = BTreeMap::new();
        for cluster in &written.meant().clusters {
            for endpoint in &cluster.endpoints {
                moved.extend(origin_of(&cluster.name).map(|origin| (endpoint.address, origin)));
            }
        }
        let folder = self.folder.path();
        let elsewhere = or_report(written.elsewhere(&moved, folder, &folder.join(DATABASE)))?;
        or_report(elsewhere.with_text(scenario.adapt(elsewhere.text())))
    }
}

/// The counters of faults that are not zero.
fn faults(metrics: &str) -> BTreeMap<String, u64> {
    let counted = metrics.lines().filter_map(|line| {
        let (labels, count) = line.strip_prefix("edgeloom_filter_faults_total")?.rsplit_once(' ')?;
        Some((format!("fault {labels}"), count.parse().ok()?))
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

#[expect(clippy::cast_precision_loss, reason = "nobody asks 2^53 times")]
fn requests(seen: &Seen) -> f64 {
    seen.requests as f64
}

const FILTERS: [&str; 4] = ["geo.wasm", "ab.wasm", "route.wasm", "headers.wasm"];
const DATABASE: &str = "geo.mmdb";
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Connections are opened, caches are warm, instances are there.
const WARM_UP: Duration = Duration::from_secs(1);

/// What is under way when the edge is told to end is answered long before.
const PATIENCE: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_happened_are_found_in_the_metrics() {
        let metrics = "# TYPE edgeloom_filter_faults counter
edgeloom_filter_faults_total{filter=\"locate\",phase=\"request\",kind=\"overran\"} 3
edgeloom_filter_faults_total{filter=\"locate\",phase=\"request\",kind=\"trapped\"} 0
edgeloom_swaps_total 7
";
        let expected = "fault {filter=\"locate\",phase=\"request\",kind=\"overran\"}";
        assert_eq!(faults(metrics), BTreeMap::from([(expected.to_owned(), 3)]));
    }
}
