//! Many tenants, and many routes: what they take to start, in memory, and to swap.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Client, Edge, Launch, Request, replace};
use tempfile::TempDir;

use super::{Run, Study};
use crate::atlas::Place;
use crate::cores::Seat;
use crate::ground::Bench;
use crate::measure::{Found, count};
use crate::oha::Pace;
use crate::processes::Tree;
use crate::rehearsal::Stage;
use crate::request::Visitor;
use crate::samples::{Figure, Sample};
use crate::setup::Surroundings;
use crate::tenants::{Routes, Tenant, Tenants, Visit, check};

pub(crate) const COLD: &str = "tenants, nothing compiled";
pub(crate) const WARM: &str = "tenants, all compiled";
pub(crate) const ASKED: &str = "tenants, after a request on every route";
pub(crate) const QUIET: &str = "tenants, no swap";
pub(crate) const EDIT: &str = "tenants, settings of one edited";
pub(crate) const COMMENT: &str = "tenants, a comment edited";
pub(crate) const ROUTES: &str = "routes";

pub(crate) const SERIES: [&str; 7] = [COLD, WARM, ASKED, QUIET, EDIT, COMMENT, ROUTES];

/// With ten filters each.
pub(crate) const COUNTS: [usize; 3] = [10, 100, 1000];
pub(crate) const ROUTE_COUNTS: [usize; 3] = [10, 1000, 100_000];

type Figures = BTreeMap<Figure, f64>;

pub(crate) fn run(run: &mut Run<'_>, rate: u32) -> Result<()> {
    for tenants in COUNTS.map(Tenants) {
        let ground = Ground::new(run.bench)?;
        eprintln!("{:?}: {} tenants, rehearsal", Study::Tenants, tenants.0);
        ground.rehearse(tenants)?;
        for round in 1..=run.bench.extent.rounds {
            eprintln!(
                "{:?}, round {round} of {}: {} tenants",
                Study::Tenants,
                run.bench.extent.rounds,
                tenants.0
            );
            let found =
                ground.measure(tenants, round, rate).with_context(|| format!("{} tenants", tenants.0))?;
            add(run, tenants.0, round, found);
        }
    }
    // Those with few and those with many in turns: it is their ratio that counts.
    for round in 1..=run.bench.extent.rounds {
        for routes in ROUTE_COUNTS.map(Routes) {
            eprintln!(
                "{:?}, round {round} of {}: {} routes",
                Study::Tenants,
                run.bench.extent.rounds,
                routes.0
            );
            let found = Ground::new(run.bench)?.measure_routes(routes, round);
            add(run, routes.0, round, vec![(ROUTES, found.with_context(|| format!("{} routes", routes.0))?)]);
        }
    }
    Ok(())
}

fn add(run: &mut Run<'_>, at: usize, round: u32, found: Vec<(&str, Found)>) {
    for (who, Found { figures, errors }) in found {
        run.samples.add(Sample { study: Study::Tenants, who: who.to_owned(), at, round, figures, errors });
    }
}

/// Where edges of this study run: with a cache of their own, on all cores, for they are built on all.
struct Ground<'a> {
    bench: &'a Bench,
    folder: TempDir,
    visitors: Vec<Visitor>,
    place: Place,
}

/// An edge, and what its start took.
struct Started {
    edge: Edge,
    tree: Tree,
    client: Client,
    started: Instant,
}

impl<'a> Ground<'a> {
    fn new(bench: &'a Bench) -> Result<Self> {
        let places = bench.atlas().draw(SEED, bench.visitors())?;
        let place = places.first().cloned().context("nobody asks")?;
        let visitors = places.into_iter().map(Visitor::new).collect();
        Ok(Self { bench, folder: TempDir::with_prefix("edgeloom-load-")?, visitors, place })
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// In front of the origins of the bench.
    fn text(&self, configure: impl Fn(&Surroundings<'_>) -> String) -> String {
        let (north, south) = self.bench.origins();
        self.text_before(north.address(), south.address(), configure)
    }

    fn text_before(
        &self,
        north: std::net::SocketAddr,
        south: std::net::SocketAddr,
        configure: impl Fn(&Surroundings<'_>) -> String,
    ) -> String {
        let (filters, cache, database) = (self.bench.filters(), &self.cache(), self.bench.database());
        configure(&Surroundings { north, south, filters, database, cache })
    }

    fn start(&self, text: &str) -> Result<Started> {
        let file = self.folder.path().join("edge.yaml");
        fs::write(&file, text)?;
        let launch = Launch::file(file).binary(self.bench.edge());
        let started = Instant::now();
        let edge = self.bench.cores().on(Seat::Everywhere, || launch.start())??;
        let (tree, client) = (Tree::of(edge.pid())?, Client::try_to(edge.address())?);
        Ok(Started { edge, tree, client, started })
    }

    /// Has every route of some tenants asked, and looks at both ends whose filters were called.
    fn rehearse(&self, tenants: Tenants) -> Result<()> {
        let stage = Stage::set()?;
        let (north, south) = (stage.north.address(), stage.south.address());
        let live = self.start(&self.text_before(north, south, |around| tenants.configuration(around)))?;
        let places = self.bench.atlas().draw(SEED, SAMPLE)?;
        let step = (tenants.0 / SAMPLE).max(1);
        let sample = tenants.all().step_by(step).chain(tenants.all().next_back());
        for (tenant, place) in sample.zip(places.iter().cycle()) {
            check(live.edge.address(), tenant, place)?;
        }
        live.end()
    }

    fn measure(&self, tenants: Tenants, round: u32, rate: u32) -> Result<Vec<(&'static str, Found)>> {
        // The rehearsal, and every round before, has left what it compiled.
        fs::remove_dir_all(self.cache()).context("the cache can not be emptied")?;
        let text = self.text(|around| tenants.configuration(around));
        let last = tenants.all().next_back().context("there is no tenant")?;
        let cold = self.start(&text)?;
        let first_answer = self.first_answer(&cold, last)?;
        cold.end()?;
        let mut found = vec![(COLD, of(BTreeMap::from([(Figure::FirstAnswer, first_answer)])))];

        let warm = self.start(&text)?;
        let first_answer = self.first_answer(&warm, last)?;
        let mut figures = warm.memory()?;
        figures.insert(Figure::FirstAnswer, first_answer);
        found.push((WARM, of(figures)));

        self.ask_all(&warm, tenants)?;
        found.push((ASKED, of(warm.memory()?)));
        found.push((QUIET, self.ask(&warm, rate, || Ok(0.0))?));
        let middle = Tenant(tenants.0 / 2);
        let edited = edited(&text, middle, round)?;
        found.push((EDIT, self.ask(&warm, rate, || self.swap(&warm, &edited, Some((middle, round))))?));
        let commented = format!("{edited}# {round}\n");
        found.push((COMMENT, self.ask(&warm, rate, || self.swap(&warm, &commented, None))?));
        warm.end()?;
        Ok(found)
    }

    /// In milliseconds, from the start of the process to an answer that shows this tenant's mark.
    fn first_answer(&self, live: &Started, tenant: Tenant) -> Result<f64> {
        let response = live.client.attempt(Visit::Shop.request(tenant, &self.place))?;
        let mark = format!("edge-{}", tenant.name());
        ensure!(
            response.status() == 200 && response.header("x-served-by") == Some(&mark),
            "the first answer is {} without the mark `{mark}`: {}",
            response.status(),
            response.text()
        );
        Ok(live.started.elapsed().as_secs_f64() * 1e3)
    }

    fn ask_all(&self, live: &Started, tenants: Tenants) -> Result<()> {
        for tenant in tenants.all() {
            for visit in Visit::ALL {
                let status = live.client.attempt(visit.request(tenant, &self.place))?.status();
                let expected = if visit == Visit::Moved { 301 } else { 200 };
                ensure!(
                    status == expected,
                    "{visit:?} of tenant {} is answered with {status}",
                    tenant.name()
                );
            }
        }
        Ok(())
    }

    /// Has visitors of the first tenant ask at a fixed rate while something is done; it says how long it took.
    fn ask(&self, live: &Started, rate: u32, act: impl FnOnce() -> Result<f64>) -> Result<Found> {
        let span = self.bench.span().max(SPAN_MIN);
        let (seen, took) = std::thread::scope(|scope| {
            let asking = scope
                .spawn(|| self.bench.oha.ask(live.edge.address(), &self.visitors, Pace::Fixed(rate), span));
            let took = act();
            let seen = asking.join().unwrap_or_else(|_panic| anyhow::bail!("who asks has panicked"));
            (seen, took)
        });
        let (seen, took) = (seen?, took?);
        ensure!(seen.requests > 0, "nothing was asked");
        let percentiles = seen.percentiles.into_iter();
        let mut figures: Figures =
            percentiles.filter_map(|(percent, ms)| Some((Figure::of_percent(percent)?, ms))).collect();
        figures.extend(live.memory()?);
        if took > 0.0 {
            figures.insert(Figure::Swap, took);
        }
        Ok(Found { figures, errors: seen.errors })
    }

    /// Writes a configuration and has it read; in milliseconds, until the next request is answered by it.
    fn swap(&self, live: &Started, text: &str, edited: Option<(Tenant, u32)>) -> Result<f64> {
        let file = live.edge.configuration();
        let begun = Instant::now();
        replace(file, text.as_bytes())?;
        let answer = Client::try_to(live.edge.admin())?.attempt(Request::post("/v1/reload", ""))?;
        ensure!(answer.status() == 200, "a good configuration is refused: {}", answer.text());
        if let Some((tenant, round)) = edited {
            let response = live.client.attempt(Visit::Shop.request(tenant, &self.place))?;
            let (seen, mark) = (response.header("x-served-by"), mark(tenant, round));
            ensure!(seen == Some(&mark), "after a swap to `{mark}` the next response says {seen:?}");
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    fn measure_routes(&self, routes: Routes, round: u32) -> Result<Found> {
        let live = self.start(&self.text(|around| routes.configuration(around)))?;
        let ask = |number| -> Result<()> {
            let (host, path) = routes.place(number);
            let request = Request::get(&format!("{path}/page")).host(&host);
            let status = live.client.attempt(request)?.status();
            ensure!(status == 200, "route {number} is answered with {status}");
            Ok(())
        };
        ask(routes.0 - 1)?;
        let first_answer = live.started.elapsed().as_secs_f64() * 1e3;
        let mut random = fastrand::Rng::with_seed(round.into());
        let until = Instant::now() + self.bench.span();
        let (before, mut asked) = (live.tree.cpu()?, 0_u64);
        while Instant::now() < until {
            ask(random.usize(..routes.0))?;
            asked += 1;
        }
        let spent = live.tree.cpu()?.saturating_sub(before);
        let mut figures = live.memory()?;
        figures.insert(Figure::FirstAnswer, first_answer);
        figures.insert(Figure::Cpu, spent.as_secs_f64() * 1e6 / count(asked));
        live.end()?;
        Ok(of(figures))
    }
}

impl Started {
    fn memory(&self) -> Result<Figures> {
        Ok(BTreeMap::from([
            (Figure::Memory, count(self.tree.memory()?)),
            (Figure::PeakMemory, count(self.tree.peak_memory()?)),
        ]))
    }

    fn end(self) -> Result<()> {
        let end = self.edge.end(PATIENCE)?;
        ensure!(end.status.success(), "the edge ended with {}", end.status);
        Ok(())
    }
}

fn of(figures: Figures) -> Found {
    Found { figures, errors: BTreeMap::new() }
}

/// With another mark in the settings of one tenant's `tidy`.
fn edited(text: &str, tenant: Tenant, round: u32) -> Result<String> {
    let found = format!("x-served-by: edge-{} ", tenant.name());
    let other = text.replacen(&found, &format!("x-served-by: {} ", mark(tenant, round)), 1);
    ensure!(other != text, "the configuration has no `{found}` to edit");
    Ok(other)
}

fn mark(tenant: Tenant, round: u32) -> String {
    format!("edited-{round}-{}", tenant.name())
}

/// How many tenants are looked at closely.
const SAMPLE: usize = 25;

/// No round of another study has this number.
const SEED: u64 = 0;

/// A swap of the largest is to be over by then.
const SPAN_MIN: Duration = Duration::from_secs(3);

/// What is under way when the edge is told to end is answered long before.
const PATIENCE: Duration = Duration::from_secs(40);
