//! Those who answer: what is known of them for as long as some generation names them, and how they are reached.

mod members; // who they are, in one generation
pub(crate) mod endpoint; // what is known of one of them
mod gate; // how many exchanges they have at one time
pub(crate) mod check; // whether they are well
mod watch; // time that is up
pub(crate) mod peer; // from an endpoint to what Pingora connects to
pub(crate) mod credentials; // whom it must be signed by, and who we are to it
pub(crate) mod names; // where their names lead
mod dial; // connecting, where Pingora's own way is not enough
mod tls; // what nobody else can read
mod connector; // connections, in secret or for HTTP/2
mod kept; // one that goes back when it has been used
mod idle; // where it waits for its next request
mod http2; // a request among others on one
mod introduction; // the header that says who the client is
pub(crate) mod trouble; // why it could not be reached

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use edgeloom_config::{Health, Load, Timeouts};
use edgeloom_core::breaker::{Break, Breaker, Verdict};
use edgeloom_core::cluster::Balance;
use edgeloom_core::ids::ClusterId;
use edgeloom_core::outlier::Eject;
use edgeloom_core::retry::{Budget, Retry};

use crate::metrics::{Apart, Counter};
use check::Checks;
use endpoint::Endpoint;
use peer::At;

pub(crate) use connector::Connector;
pub(crate) use gate::{Gate, Inside};
pub(crate) use http2::{GivenUp, Times};
pub(crate) use kept::{Sent, is_used};
pub(crate) use members::{Member, Members, Roster};
pub(crate) use watch::Watch;

/// How the members of a cluster are treated, in one generation.
pub(crate) struct Plan {
    pub(crate) balance: Balance,
    pub(crate) health: Option<Health>,
    pub(crate) eject: Option<Eject>,
    pub(crate) retry: Retry,
    pub(crate) load: Load,
    pub(crate) breaker: Option<Break>,
    pub(crate) timeouts: Timeouts,
    pub(crate) failover: Box<[ClusterId]>,
}

impl Plan {
    /// Whether anybody wants to know how busy endpoints are.
    pub(crate) fn counts_load(&self) -> bool {
        self.balance == Balance::LeastRequest || self.load.per_endpoint.is_some()
    }
}

/// All clusters that some generation names.
#[derive(Default)]
pub(crate) struct Upstreams(Mutex<HashMap<Box<str>, Weak<Upstream>>>);

/// What is known of a cluster, whichever generation asks.
pub(crate) struct Upstream {
    pub(crate) name: Box<str>,
    endpoints: Mutex<HashMap<At, Weak<Endpoint>>>,
    /// Counts the picks.
    pub(crate) turn: Apart<AtomicU64>,
    budget: Mutex<Budget>,
    /// Read with every exchange where there is a breaker, and written when it opens or closes.
    open: AtomicBool,
    breaker: Mutex<Breaker>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) counts: Counts,
    checks: Checks,
}

/// What happens to a cluster, and not to one of its endpoints.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) connect_failures: Counter,
    pub(crate) retries: Counter,
    /// Tries that the budget did not allow.
    pub(crate) retries_refused: Counter,
    /// Exchanges that were too many.
    pub(crate) overloads: Counter,
    pub(crate) breaker_opened: Counter,
    /// Exchanges that another cluster was asked for.
    pub(crate) failovers: Counter,
    /// Picks of an endpoint that should not be asked, because hardly any should.
    pub(crate) panics: Counter,
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams").finish_non_exhaustive()
    }
}

impl Upstreams {
    /// What is known of the cluster of that name; nothing if no generation names it.
    pub(crate) fn named(&self, name: &str) -> Arc<Upstream> {
        let mut by_name = self.by_name();
        if let Some(known) = by_name.get(name).and_then(Weak::upgrade) {
            return known;
        }
        let fresh = Arc::new(Upstream::new(name));
        by_name.insert(name.into(), Arc::downgrade(&fresh));
        fresh
    }

    /// All that some generation still names, by name.
    pub(crate) fn living(&self) -> Vec<Arc<Upstream>> {
        let mut by_name = self.by_name();
        by_name.retain(|_, upstream| upstream.strong_count() > 0);
        let mut living: Vec<_> = by_name.values().filter_map(Weak::upgrade).collect();
        living.sort_by(|a, b| a.name.cmp(&b.name));
        living
    }

    /// Has the endpoints of these clusters checked, as they want it, and no others. Called on the control runtime
    /// with what a generation has that is published.
    pub(crate) fn supervise<'a>(&self, rosters: impl Iterator<Item = (&'a Arc<Upstream>, &'a Roster)>) {
        let rosters: Vec<_> = rosters.collect();
        for upstream in self.living() {
            match rosters.iter().find(|(named, _)| Arc::ptr_eq(named, &upstream)) {
                Some((_, roster)) => {
                    upstream.checks.begin(roster);
                    upstream.supervise(roster);
                }
                None => upstream.checks.end(),
            }
        }
    }

    fn by_name(&self) -> MutexGuard<'_, HashMap<Box<str>, Weak<Upstream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upstream {
    fn new(name: &str) -> Self {
        let now = Instant::now();
        Self {
            name: name.into(),
            endpoints: Mutex::default(),
            // Not every edge should send its first exchange to the same endpoint.
            turn: Apart(AtomicU64::new(fastrand::u64(..))),
            budget: Mutex::new(Budget::new(now, 0)),
            open: AtomicBool::new(false),
            breaker: Mutex::new(Breaker::new(now, 0)),
            gate: Arc::default(),
            counts: Counts::default(),
            checks: Checks::default(),
        }
    }

    /// What is known of this address.
    fn endpoint(&self, at: At) -> Arc<Endpoint> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endpoints.get(&at).and_then(Weak::upgrade) {
            return known;
        }
        endpoints.retain(|_, endpoint| endpoint.strong_count() > 0);
        let fresh = Arc::new(Endpoint::new(at.clone()));
        endpoints.insert(at, Arc::downgrade(&fresh));
        fresh
    }

    /// Every endpoint that some generation still has, by address.
    pub(crate) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let mut living: Vec<_> = endpoints.values().filter_map(Weak::upgrade).collect();
        drop(endpoints);
        living.sort_by_cached_key(|endpoint| endpoint.at.to_string());
        living
    }

    /// How many tries there were so far, at endpoints that are still there.
    fn asked(&self) -> u64 {
        self.endpoints().iter().map(|endpoint| endpoint.asked()).sum()
    }

    /// Takes one more try out of the budget, if there is one left.
    pub(crate) fn may_retry(&self, retry: &Retry) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = budget.take(retry.budget, Instant::now(), self.asked());
        drop(budget);
        if taken { &self.counts.retries } else { &self.counts.retries_refused }.add();
        taken
    }

    /// What the breaker says to an exchange; nothing where it is closed.
    pub(crate) fn breaker_says(&self, breaks: &Break) -> Option<Verdict> {
        if !self.open.load(Ordering::Relaxed) {
            return None;
        }
        self.breaker().ask(breaks, Instant::now())
    }

    /// What came of an exchange that had been sent here.
    pub(crate) fn tell_breaker(&self, breaks: &Break, probe: bool, well: bool) {
        if well && !probe {
            return;
        }
        let (asked, now) = (self.asked(), Instant::now());
        let mut breaker = self.breaker();
        let (opened, closed) = match probe {
            true => (false, breaker.probed(breaks, now, asked, well)),
            false => (breaker.failed(breaks, now, asked), false),
        };
        self.open.store(!breaker.is_closed(), Ordering::Relaxed);
        drop(breaker);
        if opened {
            self.counts.breaker_opened.add();
            tracing::warn!(
                cluster = &*self.name,
                "cluster `{}` is left in peace: too much of it fails",
                self.name
            );
        }
        if closed {
            tracing::info!(cluster = &*self.name, "cluster `{}` is asked again", self.name);
        }
    }

    pub(crate) fn breaker_is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the members of this roster checked, if it is the one of the generation that runs.
    fn supervise(&self, roster: &Roster) {
        self.checks.tend(&self.name, roster);
    }
}
