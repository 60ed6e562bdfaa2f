//! What is known of an endpoint, for as long as some generation names it: swaps do not make it a stranger.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edgeloom_core::health::{Health, Thresholds};
use edgeloom_core::outlier::{Eject, Record};
use edgeloom_core::retry::Trouble;

use super::peer::At;
use crate::metrics::{Apart, Counter, Shares};

/// An address of a cluster.
pub(crate) struct Endpoint {
    pub(crate) at: At,
    /// A number that stands for it, on every node and after every restart.
    pub(crate) identity: u64,
    /// Looked at with every pick, and written only when something changes: whether it may be asked. Zero for yes, [`UNWELL`]
    /// for no, else when it may be again, in milliseconds since the process began.
    shut: AtomicU64,
    /// Failures in a row.
    strikes: AtomicU32,
    standing: Mutex<Standing>,
    /// How many exchanges it is busy with, where somebody wants to know.
    load: Apart<AtomicU32>,
    asked: Shares<Counter>,
    /// By [`kind`].
    failures: [Counter; KINDS.len()],
    pub(crate) ejections: Counter,
}

struct Standing {
    health: Health,
    /// What the last check that failed said.
    reason: Option<String>,
    record: Record,
    ejected_until: Option<Instant>,
}

/// What an endpoint is to those who look at it.
pub(crate) struct Seen {
    pub(crate) healthy: bool,
    /// Why the last check failed.
    pub(crate) reason: Option<String>,
    /// For how much longer it is left alone.
    pub(crate) ejected_for: Option<Duration>,
    pub(crate) load: u32,
    pub(crate) asked: u64,
    pub(crate) failures: [u64; KINDS.len()],
    pub(crate) ejections: u64,
}

/// The kinds of failures, as metrics name them.
pub(crate) const KINDS: [&str; 4] = ["connect", "reset", "timeout", "status"];

const OPEN: u64 = 0;
const UNWELL: u64 = u64::MAX;

impl Endpoint {
    pub(super) fn new(at: At) -> Self {
        Self {
            identity: edgeloom_core::hash::of_bytes(at.to_string().as_bytes()),
            at,
            shut: AtomicU64::new(OPEN),
            strikes: AtomicU32::new(0),
            standing: Mutex::new(Standing {
                health: Health::UNKNOWN,
                reason: None,
                record: Record::default(),
                ejected_until: None,
            }),
            load: Apart::default(),
            asked: Shares::default(),
            failures: Default::default(),
            ejections: Counter::default(),
        }
    }

    pub(crate) fn may_be_asked(&self) -> bool {
        match self.shut.load(Ordering::Relaxed) {
            OPEN => true,
            UNWELL => false,
            until => millis(Instant::now()) >= until,
        }
    }

    pub(crate) fn is_ejected(&self) -> bool {
        let until = self.shut.load(Ordering::Relaxed);
        until != OPEN && until != UNWELL && millis(Instant::now()) < until
    }

    /// A try begins.
    pub(crate) fn ask(&self) {
        if let Some(counter) = self.asked.own() {
            counter.add();
        }
    }

    /// How many tries there were.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.all().map(Counter::get).sum()
    }

    pub(crate) fn load(&self) -> u32 {
        self.load.0.load(Ordering::Relaxed)
    }

    /// It did what was asked of it.
    pub(crate) fn succeeded(&self) {
        // Nearly always there is nothing to write, and nobody else waits for the line of memory.
        if self.strikes.load(Ordering::Relaxed) != 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
        if !matches!(self.shut.load(Ordering::Relaxed), OPEN | UNWELL) {
            let standing = self.standing();
            self.reconsider(&standing);
        }
    }

    /// It did not. Says for how long it is ejected, if that is now; `others` is how many of how many members are.
    pub(crate) fn failed(
        &self,
        trouble: Trouble,
        eject: Option<&Eject>,
        others: impl FnOnce() -> (usize, usize),
    ) -> Option<Duration> {
        if let Some(counter) = self.failures.get(kind(trouble)) {
            counter.add();
        }
        let eject = eject?;
        let strikes = self.strikes.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if strikes < eject.failures || self.is_ejected() {
            return None;
        }
        let (ejected, members) = others();
        let now = Instant::now();
        let mut standing = self.standing();
        let until = standing.record.eject(eject, now, ejected, members)?;
        standing.ejected_until = Some(until);
        self.reconsider(&standing);
        self.ejections.add();
        // The first failure afterwards is one too many.
        self.strikes.store(eject.failures.saturating_sub(1), Ordering::Relaxed);
        Some(until - now)
    }

    /// A check has come to its end: nothing, or why it failed. Says whether it is well now, if that has changed.
    pub(crate) fn heard(&self, check: Result<(), String>, thresholds: Thresholds) -> Option<bool> {
        let mut standing = self.standing();
        let changed = standing.health.heard(check.is_ok(), thresholds);
        standing.reason = check.err();
        self.reconsider(&standing);
        changed
    }

    /// Nobody asks any more whether it is well.
    pub(super) fn presume_well(&self) {
        let mut standing = self.standing();
        standing.health = Health::UNKNOWN;
        standing.reason = None;
        self.reconsider(&standing);
    }

    /// It is no longer ejected: nobody is in its cluster.
    pub(super) fn readmit(&self) {
        let mut standing = self.standing();
        standing.ejected_until = None;
        self.reconsider(&standing);
    }

    pub(crate) fn look(&self) -> Seen {
        let standing = self.standing();
        let ejected_for = standing.ejected_until.map(|until| until.saturating_duration_since(Instant::now()));
        Seen {
            healthy: standing.health.is_healthy(),
            reason: standing.reason.clone(),
            ejected_for: ejected_for.filter(|left| !left.is_zero()),
            load: self.load(),
            asked: self.asked(),
            failures: self.failures.each_ref().map(Counter::get),
            ejections: self.ejections.get(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever changes the standing holds it, so that the last one to change it is the last one to tell.
    fn reconsider(&self, standing: &Standing) {
        let until = standing.ejected_until.map_or(OPEN, millis);
        let over = until <= millis(Instant::now());
        let shut = match standing.health.is_healthy() {
            false => UNWELL,
            true if over => OPEN,
            true => until,
        };
        self.shut.store(shut, Ordering::Relaxed);
    }
}

/// An exchange that an endpoint is busy with, until it is dropped.
pub(crate) struct Busy(Arc<Endpoint>);

impl Busy {
    pub(crate) fn with(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.load.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(endpoint))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.load.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The position of a failure in [`KINDS`].
fn kind(trouble: Trouble) -> usize {
    match trouble {
        Trouble::Connect => 0,
        Trouble::Reset => 1,
        Trouble::Timeout => 2,
        Trouble::Status(_) => 3,
    }
}

/// Since the process began: never [`OPEN`] nor [`UNWELL`].
fn millis(instant: Instant) -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = instant.saturating_duration_since(*BEGAN).as_millis();
    u64::try_from(since).unwrap_or(UNWELL).clamp(OPEN + 1, UNWELL - 1)
}

#[cfg(test)]
mod tests {
    use edgeloom_core::units::Percent;

    use super::*;

    const EJECT: Eject = Eject { failures: 3, time: Duration::from_secs(60), at_most: Percent(50) };
    const ONE: Thresholds = Thresholds { healthy_after: 1, unhealthy_after: 1 };

    fn endpoint() -> Endpoint {
        Endpoint::new(At::Ip(([127, 0, 0, 1], 80).into()))
    }

    fn fails(endpoint: &Endpoint) -> bool {
        endpoint.failed(Trouble::Reset, Some(&EJECT), || (0, 2)).is_some()
    }

    #[test]
    fn so_many_failures_in_a_row_and_it_is_left_alone() {
        let endpoint = endpoint();
        assert!(!fails(&endpoint) && !fails(&endpoint));
        endpoint.succeeded();
        assert!(!fails(&endpoint) && !fails(&endpoint), "it begins anew");
        assert!(endpoint.may_be_asked());
        assert!(fails(&endpoint));
        assert!(!endpoint.may_be_asked() && endpoint.is_ejected());
        assert!(!fails(&endpoint), "it is already");
        endpoint.readmit();
        assert!(endpoint.may_be_asked());
        assert!(fails(&endpoint), "the first failure afterwards is enough");
    }

    #[test]
    fn it_is_not_left_alone_where_nobody_would_be_left() {
        let endpoint = endpoint();
        assert!((0..10).all(|_| endpoint.failed(Trouble::Connect, Some(&EJECT), || (1, 2)).is_none()));
        assert!((0..10).all(|_| endpoint.failed(Trouble::Connect, None, || (0, 2)).is_none()));
        assert_eq!(endpoint.look().failures, [20, 0, 0, 0]);
    }

    #[test]
    fn checks_and_ejections_do_not_undo_each_other() {
        let endpoint = endpoint();
        assert_eq!(endpoint.heard(Err("no".to_owned()), ONE), Some(false));
        assert!((0..3).any(|_| fails(&endpoint)));
        assert!(!endpoint.may_be_asked());
        endpoint.readmit();
        assert!(!endpoint.may_be_asked(), "it is still unwell");
        assert_eq!(endpoint.look().reason.as_deref(), Some("no"));
        assert_eq!(endpoint.heard(Ok(()), ONE), Some(true));
        assert!(endpoint.may_be_asked());
    }

    #[test]
    fn an_endpoint_is_busy_for_as_long_as_an_exchange_lasts() {
        let endpoint = Arc::new(endpoint());
        let busy = [Busy::with(&endpoint), Busy::with(&endpoint)];
        assert_eq!(endpoint.load(), 2);
        drop(busy);
        assert_eq!(endpoint.load(), 0);
    }
}
