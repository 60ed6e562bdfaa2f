//! Sends that follow each other closely.
//!
//! A send whose receiver sleeps wakes it, and where that is on the same machine, it costs as much as the send
//! itself. Where exchanges send as each of them comes to it, the receiver has fallen asleep again by the time
//! of the next; where they send one right after the other, the first wakes it for all. So before an exchange
//! sends, it lets all that are ready to go on come as far, where there are enough of them for it to pay.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

/// Goes to the end of the worker's queue, if others are in it as a rule.
///
/// Not by `tokio::task::yield_now`, which asks the system for events before anybody goes on.
pub(super) async fn wait_for_the_others() {
    let Some((worker, before)) = COMPANY.with(|company| {
        let (before, now) = (company.get(), company.get().passed_by_one());
        company.set(now);
        now.is_to_wait().then_some((std::ptr::from_ref(company).addr(), before.passed))
    }) else {
        return;
    };
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    COMPANY.with(|company| {
        // Another worker may have taken it over.
        if std::ptr::from_ref(company).addr() == worker {
            company.set(company.get().learned(before));
        }
    });
}

thread_local! {
    static COMPANY: Cell<Company> = const { Cell::new(Company { passed: 0, usual: 0 }) };
}

/// How many exchanges usually come to a send while another waits for them to: those of one worker.
#[derive(Debug, Clone, Copy, Default)]
struct Company {
    /// How often one has come to a send.
    passed: u32,
    /// A moving average, in sixteenths.
    usual: u32,
}

impl Company {
    fn passed_by_one(self) -> Self {
        Self { passed: self.passed.wrapping_add(1), ..self }
    }

    fn is_to_wait(self) -> bool {
        self.usual >= 16 * ENOUGH || self.passed.is_multiple_of(TRIED)
    }

    /// One has waited that came after so many.
    fn learned(self, before: u32) -> Self {
        let others = self.passed.wrapping_sub(before).saturating_sub(1).min(OTHERS_MAX);
        Self { usual: self.usual - self.usual / 8 + 2 * others, ..self }
    }
}

/// To wait costs about half a microsecond; a wake-up saved, one or two. Measured, it pays from here on.
const ENOUGH: u32 = 3;
/// Where it does not pay, one in so many waits all the same, to see whether it would by now.
const TRIED: u32 = 32;
/// More make no difference.
const OTHERS_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// So many come to a send in every round; how many of them wait?
    fn waiting(company: &mut Company, exchanges: u32) -> u32 {
        let waiting: Vec<u32> = (0..exchanges)
            .filter_map(|_| {
                let before = company.passed;
                *company = company.passed_by_one();
                company.is_to_wait().then_some(before)
            })
            .collect();
        for before in &waiting {
            *company = company.learned(*before);
        }
        u32::try_from(waiting.len()).unwrap()
    }

    #[test]
    fn one_alone_hardly_ever_waits() {
        let mut company = Company::default();
        let waited: u32 = (0..3200).map(|_| waiting(&mut company, 1)).sum();
        assert_eq!(waited, 100);
    }

    #[test]
    fn many_soon_wait_for_each_other_and_no_longer_when_they_have_gone() {
        let mut company = Company::default();
        let begun = (0..1000).find(|_| waiting(&mut company, 20) == 20).unwrap();
        assert!(begun < 50, "after {begun} rounds");
        assert!((0..100).all(|_| waiting(&mut company, 20) == 20));
        let ended = (0..1000).find(|_| waiting(&mut company, 2) == 0).unwrap();
        assert!(ended < 50, "after {ended} rounds");
    }

    #[test]
    fn the_count_may_begin_anew() {
        let company = Company { passed: u32::MAX, usual: 0 }.passed_by_one().passed_by_one();
        assert_eq!(company.learned(u32::MAX).usual, 2);
    }
}
