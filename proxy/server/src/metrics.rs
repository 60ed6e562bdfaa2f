//! What is counted, and under which names.
//!
//! A generation looks its counters up once, while it is built; requests only
//! add. Counters live as long as a generation that names them: routes and
//! filters that were taken out of the configuration do not pile up.

mod shares; // who counts
mod histogram; // how often something took how long
mod handshakes; // how TLS begins
mod scrape; // as Prometheus reads it

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use edgeloom_core::fault::FaultKind;
use http::StatusCode;

use crate::listen::Excess;

pub(crate) use handshakes::{CertificateLeft, Handshakes};
pub(crate) use histogram::Histogram;
pub(crate) use scrape::Scrape;
pub(crate) use shares::{Apart, Shares, shares, worker};

/// Every counter of the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    routes: Named<RouteMetrics>,
    filters: Named<FilterMetrics>,
    /// Exchanges that no route was found for, or that were refused before.
    pub(crate) unrouted: Arc<RouteMetrics>,
    pub(crate) handshakes: Handshakes,
    pub(crate) swaps: Counter,
    pub(crate) swaps_refused: Counter,
    pub(crate) tunnels: Open,
    pub(crate) turned_away: Turned,
    pub(crate) ended: Ended,
    /// Exchanges that were refused because there were too many.
    pub(crate) busy: Counter,
}

/// Connections that were closed before anything was asked on them, by why.
#[derive(Debug, Default)]
pub(crate) struct Turned([Counter; TurnedAway::ALL.len()]);

/// Why a connection was closed before anything was asked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurnedAway {
    #[error("too many connections")]
    TooMany,
    #[error("too many connections of one client")]
    TooManyOfClient,
    #[error("not trusted to announce clients")]
    Stranger,
    #[error("nothing was announced")]
    Unannounced,
}

impl TurnedAway {
    const ALL: [Self; 4] = [Self::TooMany, Self::TooManyOfClient, Self::Stranger, Self::Unannounced];

    fn name(self) -> &'static str {
        match self {
            Self::TooMany => "connections",
            Self::TooManyOfClient => "connections_per_client",
            Self::Stranger => "not_trusted",
            Self::Unannounced => "not_announced",
        }
    }
}

impl Turned {
    pub(crate) fn count(&self, reason: TurnedAway) {
        let at = TurnedAway::ALL.iter().position(|known| *known == reason);
        at.and_then(|at| self.0.get(at)).into_iter().for_each(Counter::add);
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        TurnedAway::ALL.iter().zip(&self.0).map(|(reason, counter)| (reason.name(), counter.get()))
    }
}

/// Connections of HTTP/2 that were ended for what the client did, by what that was.
#[derive(Debug, Default)]
pub(crate) struct Ended([Counter; Excess::NAMES.len()]);

impl Ended {
    pub(crate) fn count(&self, excess: Excess) {
        let at = Excess::NAMES.iter().position(|name| *name == excess.name());
        at.and_then(|at| self.0.get(at)).into_iter().for_each(Counter::add);
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Excess::NAMES.into_iter().zip(self.0.iter().map(Counter::get))
    }
}

/// Counters by the name of what they count.
type Named<T> = Mutex<HashMap<Box<str>, Weak<T>>>;

#[derive(Debug)]
pub(crate) struct RouteMetrics {
    name: Box<str>,
    /// By class of status, 1xx to 5xx; the first counts what was never answered.
    exchanges: Shares<[Counter; 6]>,
    pub(crate) duration: Histogram,
    /// In filters, over both phases.
    pub(crate) chain: Histogram,
    pub(crate) mirrored: MirrorMetrics,
}

/// What came of copies.
#[derive(Debug, Default)]
pub(crate) struct MirrorMetrics {
    pub(crate) answered: Counter,
    pub(crate) failed: Counter,
    /// Those that were to be made, and were too large, too many, or for nobody.
    pub(crate) skipped: Counter,
}

#[derive(Debug)]
pub(crate) struct FilterMetrics {
    name: Box<str>,
    pub(crate) request: PhaseMetrics,
    pub(crate) response: PhaseMetrics,
    pub(crate) answers: Counter,
}

#[derive(Debug)]
pub(crate) struct PhaseMetrics {
    pub(crate) calls: Histogram,
    faults: [Counter; FaultKind::ALL.len()],
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are, for as long as each is held.
#[derive(Debug, Default)]
pub(crate) struct Open(AtomicU64);

/// One of them.
pub(crate) struct OneOpen<'a>(&'a Open);

impl Open {
    pub(crate) fn open(&self) -> OneOpen<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneOpen(self)
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OneOpen<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            routes: Named::default(),
            filters: Named::default(),
            unrouted: Arc::new(RouteMetrics::new("")),
            handshakes: Handshakes::default(),
            swaps: Counter::default(),
            swaps_refused: Counter::default(),
            tunnels: Open::default(),
            turned_away: Turned::default(),
            ended: Ended::default(),
            busy: Counter::default(),
        }
    }

    pub(crate) fn route(&self, name: &str) -> Arc<RouteMetrics> {
        of(&self.routes, name, RouteMetrics::new)
    }

    pub(crate) fn filter(&self, name: &str) -> Arc<FilterMetrics> {
        of(&self.filters, name, FilterMetrics::new)
    }
}

/// The counters of that name; new ones if no generation has any.
fn of<T>(named: &Named<T>, name: &str, make: impl FnOnce(&str) -> T) -> Arc<T> {
    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = named.get(name).and_then(Weak::upgrade) {
        return known;
    }
    let fresh = Arc::new(make(name));
    named.insert(name.into(), Arc::downgrade(&fresh));
    fresh
}

/// All that some generation still names, by name.
fn living<T>(named: &Named<T>, name: impl Fn(&T) -> &str) -> Vec<Arc<T>> {
    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
    named.retain(|_, counters| counters.strong_count() > 0);
    let mut living: Vec<_> = named.values().filter_map(Weak::upgrade).collect();
    living.sort_by(|a, b| name(a).cmp(name(b)));
    living
}

impl RouteMetrics {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            exchanges: Shares::default(),
            duration: Histogram::new(histogram::EXCHANGE),
            chain: Histogram::new(histogram::CALL),
            mirrored: MirrorMetrics::default(),
        }
    }

    /// Counts an exchange by the status that the client got, if it got one.
    pub(crate) fn count(&self, status: Option<StatusCode>) {
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        if let Some(counter) = self.exchanges.own().and_then(|counters| counters.get(class)) {
            counter.add();
        }
    }

    /// By class of status, all workers together.
    fn exchanges(&self) -> [u64; 6] {
        self.exchanges.all().fold([0; 6], |mut sums, counters| {
            sums.iter_mut().zip(counters).for_each(|(sum, counter)| *sum += counter.get());
            sums
        })
    }
}

impl MirrorMetrics {
    fn all(&self) -> [(&'static str, u64); 3] {
        [("answered", self.answered.get()), ("failed", self.failed.get()), ("skipped", self.skipped.get())]
    }
}

impl FilterMetrics {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            request: PhaseMetrics::new(),
            response: PhaseMetrics::new(),
            answers: Counter::default(),
        }
    }
}

impl PhaseMetrics {
    fn new() -> Self {
        Self { calls: Histogram::new(histogram::CALL), faults: Default::default() }
    }

    pub(crate) fn fault(&self, kind: FaultKind) {
        if let Some(counter) =
            FaultKind::ALL.iter().position(|known| *known == kind).and_then(|at| self.faults.get(at))
        {
            counter.add();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_outlive_a_generation_but_not_the_last_that_names_them() {
        let metrics = Metrics::new();
        let old = metrics.route("shop");
        old.count(Some(StatusCode::OK));
        let new = metrics.route("shop");
        drop(old);
        assert_eq!(new.exchanges()[2], 1);
        drop(new);
        assert!(living(&metrics.routes, |route| &route.name).is_empty());
        assert_eq!(metrics.route("shop").exchanges()[2], 0);
    }

    #[test]
    fn every_status_has_a_class() {
        let route = RouteMetrics::new("x");
        for status in [101, 200, 304, 404, 502] {
            route.count(StatusCode::from_u16(status).ok());
        }
        route.count(None);
        assert_eq!(route.exchanges(), [1, 1, 1, 1, 1, 1]);
    }
}
