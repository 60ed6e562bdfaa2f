//! How long a client is waited for: never long without anything, and not for ever with next to nothing.

use std::time::Duration;

use edgeloom_config::Limits;
use tokio::time::Instant;

/// What a client has to keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The longest wait without a byte.
    pub(super) idle: Duration,
    /// The fewest bytes for each second of waiting; 0 asks for none.
    pub(super) rate: u64,
}

/// How much a client was waited for, in one direction. The clock is looked at only where there is a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    since: Option<Instant>,
    /// How much longer it may be waited for, by its rate.
    credit: Duration,
    /// What moved since the credit was last worked out.
    bytes: u64,
}

impl Pace {
    pub(super) fn of(limits: &Limits) -> Self {
        Self { idle: limits.body_idle, rate: limits.body_rate.0 }
    }

    /// What is waited for before the rate counts; and the most that a client can save up by being fast.
    fn grace(self) -> Duration {
        self.idle / 3
    }

    pub(super) fn begin(self) -> Wait {
        Wait { since: None, credit: self.grace(), bytes: 0 }
    }
}

impl Wait {
    /// So many bytes went through.
    pub(super) fn moved(&mut self, bytes: usize, pace: Pace) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let Some(since) = self.since.take() {
            self.credit = self.credit.saturating_sub(since.elapsed());
            if let Some(nanos) = self.bytes.saturating_mul(1_000_000_000).checked_div(pace.rate) {
                self.credit = self.credit.saturating_add(Duration::from_nanos(nanos)).min(pace.grace());
            }
            self.bytes = 0;
        }
    }

    /// Part of the wait at hand is not the client's.
    pub(super) fn later_by(&mut self, time: Duration) {
        self.since = self.since.map(|since| since + time);
    }

    /// Nothing does, for now: until when that may be so.
    pub(super) fn until(&mut self, pace: Pace) -> Instant {
        let since = *self.since.get_or_insert_with(Instant::now);
        let by_rate = if pace.rate == 0 { pace.idle } else { self.credit };
        since + by_rate.min(pace.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PACE: Pace = Pace { idle: Duration::from_secs(30), rate: 100 };

    /// How long a client is stood that moves so many bytes after every pause; `None` for ever.
    async fn stood(pause: Duration, bytes: usize) -> Option<Duration> {
        let began = Instant::now();
        let mut wait = PACE.begin();
        for _ in 0..10_000 {
            let until = wait.until(PACE);
            tokio::time::sleep_until((Instant::now() + pause).min(until)).await;
            if Instant::now() >= until {
                return Some(began.elapsed());
            }
            wait.moved(bytes, PACE);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_fast_enough_is_never_late() {
        assert_eq!(stood(SECOND, 110).await, None);
        assert_eq!(stood(5 * SECOND, 600).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_drips_is_late_after_a_while() {
        let took = stood(SECOND, 1).await.unwrap();
        assert!(took >= 10 * SECOND && took < 11 * SECOND, "{took:?}");
        let took = stood(SECOND, 50).await.unwrap();
        assert!(took >= 19 * SECOND && took < 22 * SECOND, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_fast_can_not_live_on_it() {
        let mut wait = PACE.begin();
        wait.moved(1_000_000_000, PACE);
        assert!(wait.until(PACE) <= Instant::now() + 10 * SECOND);
        wait.moved(1_000_000_000, PACE);
        assert_eq!(wait.until(PACE), Instant::now() + 10 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_only_silence_counts() {
        let pace = Pace { rate: 0, ..PACE };
        assert_eq!(pace.begin().until(pace), Instant::now() + 30 * SECOND);
    }
}
