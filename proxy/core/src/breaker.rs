//! Whether a cluster is asked at all: when most of what is sent to it fails, it is left in peace for a moment.

use std::time::{Duration, Instant};

use crate::units::Percent;

/// When a cluster is no longer asked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Break {
    /// The share of failures at which it opens.
    pub failures: Percent,
    /// How many requests there must have been to judge by.
    pub requests: u32,
    /// Of how long.
    pub window: Duration,
    /// How long nobody is let through, before one is to see how things are.
    pub pause: Duration,
}

/// A circuit breaker: closed while the cluster is asked, open while it is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    state: State,
    /// When this window began, how many requests there had been in all by then, and how many have failed since.
    began: Instant,
    requests: u64,
    failures: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    OpenUntil(Instant),
    /// Somebody was let through, and has not told yet what came of it. If it never does, the next one is, then.
    Probing(Instant),
}

/// What an open breaker says to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go, and tell what came of it.
    Probe,
    Refused,
}

impl Breaker {
    pub fn new(now: Instant, requests: u64) -> Self {
        Self { state: State::Closed, began: now, requests, failures: 0 }
    }

    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// An exchange wants to pass; `None` where the breaker is closed.
    pub fn ask(&mut self, breaks: &Break, now: Instant) -> Option<Verdict> {
        match self.state {
            State::Closed => None,
            State::OpenUntil(until) | State::Probing(until) if now < until => Some(Verdict::Refused),
            State::OpenUntil(_) | State::Probing(_) => {
                self.state = now.checked_add(breaks.pause).map_or(State::Closed, State::Probing);
                Some(Verdict::Probe)
            }
        }
    }

    /// An exchange has failed. `requests` is how many there have been in all so far. Says whether it opens now.
    pub fn failed(&mut self, breaks: &Break, now: Instant, requests: u64) -> bool {
        if !self.is_closed() {
            return false;
        }
        if now.saturating_duration_since(self.began) >= breaks.window {
            *self = Self::new(now, requests.saturating_sub(1));
        }
        self.failures += 1;
        let asked = requests.saturating_sub(self.requests).max(self.failures);
        let too_many = u128::from(self.failures) * 100 >= u128::from(asked) * u128::from(breaks.failures.0);
        let opens = asked >= u64::from(breaks.requests) && too_many;
        if opens {
            self.open(breaks, now);
        }
        opens
    }

    /// What came of the one that was let through. Says whether the breaker closes.
    pub fn probed(&mut self, breaks: &Break, now: Instant, requests: u64, well: bool) -> bool {
        if !matches!(self.state, State::Probing(_)) {
            return false;
        }
        if well {
            *self = Self::new(now, requests);
        } else {
            self.open(breaks, now);
        }
        well
    }

    fn open(&mut self, breaks: &Break, now: Instant) {
        self.state = now.checked_add(breaks.pause).map_or(State::Closed, State::OpenUntil);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to begin at some instant")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BREAK: Break = Break {
        failures: Percent(50),
        requests: 20,
        window: Duration::from_secs(10),
        pause: Duration::from_secs(5),
    };

    #[test]
    fn it_opens_when_half_of_enough_have_failed() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now, 0);
        for n in 1..20 {
            assert!(!breaker.failed(&BREAK, now, n), "{n}");
        }
        assert!(breaker.failed(&BREAK, now, 20));
        assert_eq!(breaker.ask(&BREAK, now), Some(Verdict::Refused));
    }

    #[test]
    fn it_stays_closed_while_fewer_fail() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now, 0);
        assert!((1..=100).all(|n| !breaker.failed(&BREAK, now, 3 * n)));
        assert_eq!(breaker.ask(&BREAK, now), None);
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(now, 0);
        for n in 1..100 {
            assert!(!breaker.failed(&BREAK, now, n));
            now += Duration::from_secs(1);
        }
    }

    #[test]
    fn one_is_let_through_to_see_how_things_are() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now, 0);
        assert!((1..=20).any(|n| breaker.failed(&BREAK, now, n)));
        let later = now + BREAK.pause;
        assert_eq!(breaker.ask(&BREAK, later), Some(Verdict::Probe));
        assert_eq!(breaker.ask(&BREAK, later), Some(Verdict::Refused), "one, and no more");
        assert!(!breaker.probed(&BREAK, later, 21, false));
        assert_eq!(breaker.ask(&BREAK, later), Some(Verdict::Refused));
        let again = later + BREAK.pause;
        assert_eq!(breaker.ask(&BREAK, again), Some(Verdict::Probe));
        assert!(breaker.probed(&BREAK, again, 22, true));
        assert_eq!(breaker.ask(&BREAK, again), None);
        assert!(!breaker.failed(&BREAK, again, 23), "and what was before is forgotten");
    }

    #[test]
    fn a_probe_that_never_tells_does_not_keep_it_open() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now, 0);
        assert!((1..=20).any(|n| breaker.failed(&BREAK, now, n)));
        assert_eq!(breaker.ask(&BREAK, now + BREAK.pause), Some(Verdict::Probe));
        assert_eq!(breaker.ask(&BREAK, now + BREAK.pause * 2), Some(Verdict::Probe));
    }

    proptest! {
        #[test]
        fn it_is_never_open_for_longer_than_its_pause(
            steps in proptest::collection::vec((0..4_000_u64, any::<bool>()), 1..200),
        ) {
            let (mut now, mut requests) = (Instant::now(), 0);
            let mut breaker = Breaker::new(now, 0);
            let mut refused_since: Option<Instant> = None;
            for (pause, well) in steps {
                now += Duration::from_millis(pause);
                requests += 1;
                match breaker.ask(&BREAK, now) {
                    Some(Verdict::Refused) => {
                        let since = *refused_since.get_or_insert(now);
                        prop_assert!(now - since < BREAK.pause);
                    }
                    Some(Verdict::Probe) => {
                        refused_since = None;
                        breaker.probed(&BREAK, now, requests, well);
                    }
                    None => {
                        refused_since = None;
                        if !well {
                            breaker.failed(&BREAK, now, requests);
                        }
                    }
                }
            }
        }
    }
}
