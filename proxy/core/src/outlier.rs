//! Whether an endpoint is better left alone for a while, by what comes of the requests that are sent to it.

use std::time::{Duration, Instant};

use crate::limits::EJECTIONS_MAX;
use crate::units::Percent;

/// When an endpoint is ejected, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eject {
    /// How many failures in a row.
    pub failures: u32,
    /// The first time; the second time twice as long, and so on.
    pub time: Duration,
    /// The most of a cluster that is ejected at one time.
    pub at_most: Percent,
}

/// How often an endpoint was ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    ejections: u32,
    /// When the last ejection ends, or has ended.
    until: Option<Instant>,
}

impl Record {
    /// An endpoint has failed as often in a row as may be, or it has failed right after an ejection. It is left alone
    /// until the instant that this says; not at all if too many others are, for somebody must answer.
    pub fn eject(&mut self, eject: &Eject, now: Instant, ejected: usize, members: usize) -> Option<Instant> {
        if ejected >= most(eject.at_most, members) {
            return None;
        }
        // Whoever did well for as long as it was ejected begins anew.
        let last = eject.time.saturating_mul(self.ejections);
        if self.until.is_some_and(|until| now.saturating_duration_since(until) > last) {
            self.ejections = 0;
        }
        self.ejections = (self.ejections + 1).min(EJECTIONS_MAX);
        self.until = now.checked_add(eject.time.saturating_mul(self.ejections));
        self.until
    }
}

/// How many of so many may be ejected. One always may, if it is not the only one: half of three is one, but a tenth of
/// three would be none.
pub fn most(at_most: Percent, members: usize) -> usize {
    if members < 2 { 0 } else { at_most.of(members).max(usize::from(at_most.0 > 0)) }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test has to begin at some instant")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EJECT: Eject = Eject { failures: 5, time: Duration::from_secs(30), at_most: Percent(50) };

    #[test]
    fn every_ejection_is_longer_than_the_one_before() {
        let mut record = Record::default();
        let mut now = Instant::now();
        for n in 1..=EJECTIONS_MAX + 3 {
            let until = record.eject(&EJECT, now, 0, 3).unwrap();
            assert_eq!(until - now, EJECT.time * n.min(EJECTIONS_MAX));
            now = until;
        }
    }

    #[test]
    fn who_did_well_for_as_long_begins_anew() {
        let mut record = Record::default();
        let now = Instant::now();
        let first = record.eject(&EJECT, now, 0, 3).unwrap();
        let second = record.eject(&EJECT, first, 0, 3).unwrap();
        let later = second + Duration::from_secs(61);
        assert_eq!(record.eject(&EJECT, later, 0, 3).unwrap() - later, EJECT.time);
    }

    #[test]
    fn somebody_is_left() {
        assert_eq!([0, 1, 2, 3, 4, 10].map(|members| most(Percent(50), members)), [0, 0, 1, 1, 2, 5]);
        assert_eq!(most(Percent(10), 3), 1);
        assert_eq!(most(Percent(0), 3), 0);
        assert_eq!(Record::default().eject(&EJECT, Instant::now(), 1, 3), None);
    }

    proptest! {
        #[test]
        fn never_more_than_the_share_or_one(at_most in 0..=100_u32, members in 0..2000_usize) {
            let most = most(Percent(at_most), members);
            prop_assert!(most * 100 <= members * at_most as usize || most == 1);
            prop_assert!(most < members.max(1) || at_most == 100);
        }
    }
}
