//! Whether an endpoint is well, by asking it again and again.

/// How many answers in a row it takes to change what is thought of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    pub healthy_after: u32,
    pub unhealthy_after: u32,
}

/// What is thought of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    healthy: bool,
    /// Whether it has passed a check since we know it.
    proven: bool,
    /// How many checks in a row have said the contrary.
    contrary: u32,
}

impl Health {
    /// An endpoint that nothing is known of counts as well: a start, or an endpoint more, must not wait for checks, and
    /// one that cannot be connected to is passed over anyway. But its first failed check is enough.
    pub const UNKNOWN: Self = Self { healthy: true, proven: false, contrary: 0 };

    pub fn is_healthy(self) -> bool {
        self.healthy
    }

    /// One more check. Says what it is now, if that has changed.
    pub fn heard(&mut self, passed: bool, thresholds: Thresholds) -> Option<bool> {
        self.contrary = if passed == self.healthy { 0 } else { self.contrary.saturating_add(1) };
        let enough = match (self.healthy, self.proven) {
            (true, true) => thresholds.unhealthy_after,
            (true, false) => 1,
            (false, _) => thresholds.healthy_after,
        };
        self.proven |= passed;
        if self.contrary < enough.max(1) {
            return None;
        }
        self.contrary = 0;
        self.healthy = passed;
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THREE_TWO: Thresholds = Thresholds { healthy_after: 2, unhealthy_after: 3 };

    fn heard(health: &mut Health, checks: &[bool]) -> Vec<Option<bool>> {
        checks.iter().map(|passed| health.heard(*passed, THREE_TWO)).collect()
    }

    #[test]
    fn it_takes_several_in_a_row() {
        let mut health = Health::UNKNOWN;
        let (up, down) = (true, false);
        assert_eq!(heard(&mut health, &[up, down, down, up, down, down]), [None; 6]);
        assert_eq!(heard(&mut health, &[down]), [Some(false)]);
        assert_eq!(heard(&mut health, &[up, down, up]), [None; 3]);
        assert_eq!(heard(&mut health, &[up]), [Some(true)]);
    }

    #[test]
    fn of_one_that_never_passed_one_failure_is_enough() {
        let mut health = Health::UNKNOWN;
        assert!(health.is_healthy());
        assert_eq!(heard(&mut health, &[false]), [Some(false)]);
        assert!(!health.is_healthy());
    }

    proptest! {
        #[test]
        fn the_last_checks_decide_whatever_was_before(
            before in proptest::collection::vec(any::<bool>(), 0..40), last: bool,
            healthy_after in 1..6_u32, unhealthy_after in 1..6_u32,
        ) {
            let thresholds = Thresholds { healthy_after, unhealthy_after };
            let mut health = Health::UNKNOWN;
            for passed in before {
                let was = health.is_healthy();
                let changed = health.heard(passed, thresholds);
                // It changes to what the check says, and says so exactly when it changes.
                prop_assert_eq!(changed, (was != health.is_healthy()).then_some(passed));
            }
            for _ in 0..healthy_after.max(unhealthy_after) {
                health.heard(last, thresholds);
            }
            prop_assert_eq!(health.is_healthy(), last);
        }
    }
}
