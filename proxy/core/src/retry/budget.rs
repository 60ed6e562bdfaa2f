//! How many requests may be sent again, so that tries do not bury a cluster that is in trouble.

use std::time::{Duration, Instant};

use crate::limits::{BUDGET_LEAST, BUDGET_WINDOW};
use crate::units::Percent;

/// What was tried again in the last seconds, against what was asked.
///
/// As Finagle and Linkerd have it: a share of the requests, and a few for when there are hardly any. Requests are counted
/// by others, and looked at only when something has failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    began: Instant,
    /// How many requests there had been in all when this window began.
    requests: u64,
    retries: u64,
    /// Of the window before: requests and retries.
    before: (u64, u64),
}

impl Budget {
    pub fn new(now: Instant, requests: u64) -> Self {
        Self { began: now, requests, retries: 0, before: (0, 0) }
    }

    /// Takes one try, if there is one left. `requests` is how many there have been in all so far.
    pub fn take(&mut self, share: Percent, now: Instant, requests: u64) -> bool {
        self.turn(now, requests);
        let (requests_before, retries_before) = self.before;
        // The part of the window before that is within a window's length from now.
        let left = BUDGET_WINDOW.saturating_sub(now.saturating_duration_since(self.began));
        let requests = requests.saturating_sub(self.requests) + part(requests_before, left);
        let retries = self.retries + part(retries_before, left);
        let most = (u128::from(requests) * u128::from(share.0) / 100).max(u128::from(BUDGET_LEAST));
        let taken = u128::from(retries) < most;
        self.retries += u64::from(taken);
        taken
    }

    /// Begins a new window if this one is over.
    fn turn(&mut self, now: Instant, requests: u64) {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed < BUDGET_WINDOW {
            return;
        }
        let since = requests.saturating_sub(self.requests);
        // Nobody looked for longer than a window, perhaps: what there was of requests is spread over that time.
        let spread = u128::from(since) * BUDGET_WINDOW.as_millis() / elapsed.as_millis().max(1);
        let retries = if elapsed < BUDGET_WINDOW * 2 { self.retries } else { 0 };
        let before = (u64::try_from(spread).unwrap_or(u64::MAX), retries);
        *self = Self { began: now, requests, retries: 0, before };
    }
}

fn part(count: u64, left: Duration) -> u64 {
    let part = u128::from(count) * left.as_millis() / BUDGET_WINDOW.as_millis();
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to begin at some instant")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_are_always_left() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 0);
        let taken = (0..100).filter(|_| budget.take(Percent(20), now, 0)).count();
        assert_eq!(taken as u64, BUDGET_LEAST);
        let later = now + BUDGET_WINDOW * 2;
        assert!(budget.take(Percent(20), later, 0), "and again later");
    }

    #[test]
    fn of_many_requests_a_share() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 5_000);
        let taken = (0..2_000).filter(|_| budget.take(Percent(20), now, 6_000)).count();
        assert_eq!(taken, 200);
        assert!(!budget.take(Percent(0), now, 1_000_000));
    }

    #[test]
    fn an_hour_without_a_failure_saves_nothing_up() {
        let now = Instant::now();
        let mut budget = Budget::new(now, 0);
        let later = now + Duration::from_secs(3600);
        // A thousand a second, all the time.
        let taken = (0..10_000).filter(|_| budget.take(Percent(20), later, 3_600_000)).count();
        assert_eq!(taken as u64, BUDGET_WINDOW.as_secs() * 1000 / 5);
    }

    proptest! {
        #[test]
        fn over_any_time_no_more_than_the_share_of_two_windows_and_the_few(
            share in 0..=100_u32, steps in proptest::collection::vec((0..3_000_u64, 0..200_u64, 0..200_u32), 1..60),
        ) {
            let start = Instant::now();
            let (mut now, mut requests, mut taken) = (start, 0, 0_u64);
            let mut budget = Budget::new(now, 0);
            for (pause, more, tries) in steps {
                now += Duration::from_millis(pause);
                requests += more;
                taken += (0..tries).filter(|_| budget.take(Percent(share), now, requests)).count() as u64;
            }
            let windows = 2 + (now - start).as_millis() / BUDGET_WINDOW.as_millis();
            let most = 2 * u128::from(requests) * u128::from(share) / 100 + u128::from(BUDGET_LEAST + 1) * windows;
            prop_assert!(u128::from(taken) <= most, "{} of {}", taken, most);
        }
    }
}
