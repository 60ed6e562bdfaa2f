//! How many exchanges there are at one time, in the whole process.
//!
//! It is asked with every request, so workers do not count in one place: each
//! takes shares of what is free, and gives back what it does not need.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::metrics::{Apart, shares, worker};

/// What is taken of all that there may be.
pub(crate) struct Admission {
    /// Exchanges, and what workers have taken and do not use.
    taken: AtomicUsize,
    spare: Box<[Apart<AtomicUsize>]>,
}

/// One exchange more, until it is dropped.
pub(crate) struct Admitted {
    admission: &'static Admission,
    share: usize,
    place: usize,
}

impl Admission {
    /// For as long as the process lives: else every exchange would count the references to it, in one place.
    pub(crate) fn leaked() -> &'static Self {
        Box::leak(Box::new(Self {
            taken: AtomicUsize::new(0),
            spare: std::iter::repeat_with(|| Apart(AtomicUsize::new(0))).take(shares()).collect(),
        }))
    }

    /// One more, if there are fewer than `most`; a few of the last may be refused while other workers keep them.
    pub(crate) fn admit(&'static self, most: u32) -> Option<Admitted> {
        let most = most as usize;
        let share = (most / (self.spare.len().max(1) * 8)).clamp(1, SHARE_MAX);
        let place = worker(self.spare.len());
        let admitted = || Some(Admitted { admission: self, share, place });
        if self.take_spare(place) {
            return admitted();
        }
        if self.taken.fetch_add(share, Ordering::AcqRel) + share > most {
            self.taken.fetch_sub(share, Ordering::AcqRel);
            return None;
        }
        if share > 1
            && let Some(spare) = self.spare.get(place)
        {
            spare.0.fetch_add(share - 1, Ordering::AcqRel);
        }
        admitted()
    }

    fn take_spare(&self, place: usize) -> bool {
        let less = |spare: usize| spare.checked_sub(1);
        let spare = self.spare.get(place);
        spare.is_some_and(|spare| spare.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok())
    }
}

/// What a worker takes at once, at most.
const SHARE_MAX: usize = 32;

impl Drop for Admitted {
    fn drop(&mut self) {
        let Self { admission, share, place } = *self;
        let Some(spare) = admission.spare.get(place) else { return };
        if share == 1 {
            admission.taken.fetch_sub(1, Ordering::AcqRel);
        } else if spare.0.fetch_add(1, Ordering::AcqRel) + 1 >= 2 * share {
            let less = |spare: usize| spare.checked_sub(share);
            if spare.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok() {
                admission.taken.fetch_sub(share, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_there_may_be() {
        for most in [1, 5, 1000, 10_000] {
            let admission = Admission::leaked();
            for _ in 0..3 {
                let admitted: Vec<_> = (0..2 * most).map_while(|_| admission.admit(most)).collect();
                let spare: usize = admission.spare.iter().map(|spare| spare.0.load(Ordering::Acquire)).sum();
                assert!(admitted.len() <= most as usize);
                assert!(admitted.len() + SHARE_MAX > most as usize, "{} of {most}", admitted.len());
                assert_eq!(admission.taken.load(Ordering::Acquire), admitted.len() + spare);
            }
            assert!(admission.taken.load(Ordering::Acquire) <= 2 * SHARE_MAX);
        }
    }
}
