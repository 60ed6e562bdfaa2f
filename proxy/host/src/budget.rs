//! The time that a call may take, by the clock of its thread.
//!
//! A guest never waits, so what it takes is processor time. Measured by the
//! wall, a filter would be blamed for every moment in which the system ran
//! somebody else: on a busy machine that is tens of milliseconds.

use std::time::Duration;

use cpu_time::ThreadTime;
use wasmtime::{StoreContextMut, Trap, UpdateDeadline};

use crate::exchange::CallState;
use crate::ticker::{alarm_after, ticks};

/// A filter's deadline, and what a call has spent of it.
///
/// The thread's clock costs a system call, so it is not looked at when a call
/// begins: the first alarm comes after a quarter of the deadline, which hardly
/// any call sees, and the clock counts from there for the other three.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    deadline: Duration,
    /// The thread's time at the first alarm.
    since: Option<Duration>,
}

impl Budget {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline, since: None }
    }

    /// The ticks until the first alarm of a call that begins now.
    pub(crate) fn begin(&mut self) -> u64 {
        self.since = None;
        alarm_after(self.deadline)
    }

    fn alarm(&mut self, now: Duration) -> wasmtime::Result<UpdateDeadline> {
        let rest = self.deadline * 3 / 4;
        let since = *self.since.get_or_insert(now);
        match rest.checked_sub(now.saturating_sub(since)) {
            Some(left) if !left.is_zero() => Ok(UpdateDeadline::Continue(ticks(left))),
            Some(_) | None => Err(Trap::Interrupt.into()),
        }
    }
}

/// What a store does when its epoch deadline is reached.
pub(crate) fn alarm(mut store: StoreContextMut<'_, CallState>) -> wasmtime::Result<UpdateDeadline> {
    // Linux has had this clock for as long as it has had threads.
    let now = ThreadTime::try_now().map_err(wasmtime::Error::from)?.as_duration();
    let state = store.data_mut();
    state.terms.ticker.wind();
    state.budget.alarm(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn goes_on(budget: &mut Budget, now: Duration) -> bool {
        matches!(budget.alarm(now), Ok(UpdateDeadline::Continue(ticks)) if ticks > 0)
    }

    #[test]
    fn a_call_ends_when_it_has_spent_its_deadline_and_not_before() {
        let mut budget = Budget::new(8 * MS);
        assert!(budget.begin() >= 2);
        assert!(goes_on(&mut budget, 100 * MS));
        assert!(goes_on(&mut budget, 105 * MS));
        assert!(!goes_on(&mut budget, 106 * MS));
    }

    #[test]
    fn time_in_which_others_ran_is_not_spent() {
        let mut budget = Budget::new(8 * MS);
        budget.begin();
        for _ in 0..1000 {
            assert!(goes_on(&mut budget, 100 * MS), "the wall's clock rings, the thread's stands still");
        }
    }

    #[test]
    fn every_call_has_a_budget_of_its_own() {
        let mut budget = Budget::new(8 * MS);
        budget.begin();
        assert!(goes_on(&mut budget, Duration::ZERO));
        budget.begin();
        assert!(goes_on(&mut budget, 50 * MS));
        assert!(!goes_on(&mut budget, 60 * MS));
    }
}
