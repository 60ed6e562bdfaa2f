//! Who is measured: Edgeloom in one of its setups, or a peer at one of its jobs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Client, Edge, Launch, Request};
use tempfile::TempDir;

use crate::cores::Seat;
use crate::ground::Bench;
use crate::peer::{Ground, Job, Part, Peer, Running};
use crate::processes::Tree;
use crate::rehearsal::{self, Duties, Stage};
use crate::request::{COOKIE, Visitor};
use crate::setup::{Filters, Instances, Says, Setup, Surroundings};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Edge(Setup),
    Peer(Peer, Job),
}

/// A contender that is running. Dropping it ends it.
pub(crate) struct Live {
    process: Process,
    duties: Duties,
    pub(crate) tree: Tree,
    pub(crate) client: Client,
    /// When its process was started.
    pub(crate) started: Instant,
    /// Its files, which go when it has gone.
    _folder: TempDir,
}

enum Process {
    Edge(Box<Edge>),
    Peer {
        /// Ends it when it is dropped.
        _running: Running,
    },
}

impl Contender {
    pub(crate) const EMPTY: Self = Self::Edge(Setup::of(Filters::None, Instances::Fresh));
    pub(crate) const FRESH: Self = Self::Edge(Setup::of(Filters::Four, Instances::Fresh));
    pub(crate) const REUSE: Self = Self::Edge(Setup::of(Filters::Four, Instances::Reuse));
    /// As an operator has it who says nothing of what origins are told.
    pub(crate) const USUAL: Self =
        Self::Edge(Setup { says: Says::Default, ..Setup::of(Filters::Four, Instances::Fresh) });

    /// For the raw data, where it is looked up again.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Edge(setup) => {
                let instances = match setup.instances {
                    Instances::Fresh => "fresh",
                    Instances::Reuse => "reuse",
                };
                match setup.filters {
                    Filters::None if setup.small == 0 => "edgeloom empty".to_owned(),
                    Filters::None => format!("edgeloom small {instances}"),
                    Filters::One => format!("edgeloom one {instances}"),
                    Filters::Four if setup.says == Says::Default => format!("edgeloom {instances} usual"),
                    Filters::Four => format!("edgeloom {instances}"),
                }
            }
            Self::Peer(peer, job) => format!("{} {}", peer.name(), job.name()),
        }
    }

    /// For people.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Edge(setup) => {
                let instances = match setup.instances {
                    Instances::Fresh => "fresh instances",
                    Instances::Reuse => "instances used again",
                };
                match (setup.filters, setup.small) {
                    (Filters::None, 0) => "Edgeloom, no filter".to_owned(),
                    (Filters::None, 1) => format!("Edgeloom, one small filter, {instances}"),
                    (Filters::None, small) => format!("Edgeloom, {small} small filters, {instances}"),
                    (Filters::One, _) => format!("Edgeloom, one filter, {instances}"),
                    (Filters::Four, _) if setup.says == Says::Default => {
                        format!("Edgeloom, four filters, {instances}, usual forwarding")
                    }
                    (Filters::Four, _) => format!("Edgeloom, four filters, {instances}"),
                }
            }
            Self::Peer(peer, job) => peer.title(*job).to_owned(),
        }
    }

    pub(crate) fn duties(&self) -> Duties {
        match self {
            Self::Edge(setup) => setup.duties(),
            Self::Peer(peer, job) => duties_of(*peer, *job),
        }
    }

    fn workers(&self) -> usize {
        match self {
            Self::Edge(setup) => setup.workers,
            Self::Peer(..) => 1,
        }
    }

    /// Starts it in front of these origins; returns when it accepts connections.
    pub(crate) fn start(
        &self,
        bench: &Bench,
        north: SocketAddr,
        south: SocketAddr,
        database: &Path,
    ) -> Result<Live> {
        let seat = if self.workers() > 1 { Seat::Everywhere } else { Seat::Alone };
        self.start_at(seat, bench, north, south, database)
    }

    pub(crate) fn start_at(
        &self,
        seat: Seat,
        bench: &Bench,
        north: SocketAddr,
        south: SocketAddr,
        database: &Path,
    ) -> Result<Live> {
        let folder = TempDir::with_prefix("edgeloom-load-")?;
        let started;
        let (process, address, pid) = match self {
            Self::Edge(setup) => {
                let (filters, cache) = (bench.filters(), &bench.cache());
                let around = Surroundings { north, south, filters, database, cache };
                let file = folder.path().join("edge.yaml");
                setup.configuration(&around)?.write(&file)?;
                let launch = Launch::file(file).binary(bench.edge());
                started = Instant::now();
                let edge = bench.cores().on(seat, || launch.start())??;
                let (address, pid) = (edge.address(), edge.pid());
                (Process::Edge(Box::new(edge)), address, pid)
            }
            Self::Peer(peer, job) => {
                let core = if seat == Seat::Alone { bench.cores().alone() } else { None };
                let folder = folder.path();
                let ground = Ground { folder, north, south, database, workers: self.workers(), core };
                started = Instant::now();
                let running = bench.cores().on(seat, || peer.start(*job, &ground, bench.programs()))??;
                let (address, pid) = (running.address, running.pid);
                (Process::Peer { _running: running }, address, pid)
            }
        };
        let (client, tree) = (Client::try_to(address)?, Tree::of(pid)?);
        Ok(Live { process, duties: self.duties(), tree, client, started, _folder: folder })
    }

    /// Has it do its job once, seen from both ends.
    pub(crate) fn rehearse(&self, bench: &Bench) -> Result<()> {
        let stage = Stage::set()?;
        let (north, south) = (stage.north.address(), stage.south.address());
        let live = self.start(bench, north, south, bench.database())?;
        rehearsal::check(&live.client, live.duties, bench.atlas())
            .with_context(|| format!("{} does not do its job", self.title()))
    }
}

fn duties_of(peer: Peer, job: Job) -> Duties {
    peer.does(job).fold(Duties::default(), |duties, part| match part {
        Part::Country => Duties { country: true, ..duties },
        Part::City => Duties { city: true, ..duties },
        Part::Experiment => Duties { experiment: true, ..duties },
        Part::Route => Duties { route: true, ..duties },
        Part::Headers => Duties { headers: true, ..duties },
    })
}

impl Live {
    pub(crate) fn address(&self) -> SocketAddr {
        self.client.address()
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        match &self.process {
            Process::Edge(edge) => Some(edge),
            Process::Peer { .. } => None,
        }
    }

    /// Visitors from these places who have been here before: they bring the cookie they were given.
    pub(crate) fn welcome(&self, places: Vec<crate::atlas::Place>) -> Result<Vec<Visitor>> {
        let welcome = |place| {
            let visitor = Visitor::new(place);
            let response = self.client.attempt(visitor.request())?;
            let whole = response.status() == 200 && response.body().len() == 1024;
            ensure!(whole, "the origin's answer does not come through: {}", response.text());
            if !self.duties.experiment {
                return Ok(visitor);
            }
            let issued = response.sets_cookie(COOKIE).context("no cookie was set for a new visitor")?;
            Ok(visitor.with_cookie(issued))
        };
        places.into_iter().map(welcome).collect()
    }

    /// Ends it, and sees whether ours ends as it should.
    pub(crate) fn end(self) -> Result<()> {
        if let Some(edge) = self.edge() {
            let end = edge.end(PATIENCE)?;
            ensure!(end.status.success(), "the edge ended with {}", end.status);
        }
        Ok(())
    }

    /// Of filters, as the edge counts them: what lies behind errors.
    pub(crate) fn faults(&self) -> Result<BTreeMap<String, u64>> {
        let Some(edge) = self.edge() else { return Ok(BTreeMap::new()) };
        let metrics = Client::try_to(edge.admin())?.attempt(Request::get("/metrics"))?;
        Ok(faults(metrics.text()))
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

    #[test]
    fn titles_have_room_beside_their_bars() {
        let titles = crate::study::contenders::all().into_iter().map(|contender| contender.title());
        let longest = titles.max_by_key(|title| title.chars().count()).unwrap();
        assert!(longest.chars().count() <= 60, "{longest}");
    }

    #[test]
    fn no_two_contenders_have_the_same_name() {
        let names: Vec<_> = crate::study::contenders::all().iter().map(Contender::name).collect();
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }
}
