//! Memory that is given back to the system when many clients have gone.
//!
//! What a connection held is freed by whichever worker it ended on, while the pages that it was in belong to the worker
//! that took them. The allocator looks through a thread's pages when that thread asks for more, and returns free ones to the
//! system when somebody asks a while later. After a crowd has gone nobody asks for anything: without a word from us, the
//! memory of its busiest moment would be held until the next one.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::limits::{EBB_HOLD, EBB_LEAST, EBB_LOOK, EBB_ROUNDS_MAX};

/// Looks now and then how many clients there are, and has each of the workers look through its pages when most of them
/// have gone. Never on a request's path: the workers do it as a task beside others.
pub(crate) async fn watch(load: impl Fn() -> usize, workers: Handle, count: usize) {
    let mut tide = Tide::default();
    for number in 1.. {
        while !tide.has_turned(load()) {
            tokio::time::sleep(EBB_LOOK).await;
        }
        Ebb::begin(number, count).reach(&workers).await;
        // What they found is returned here, where nobody waits: it takes ten milliseconds, and their look one or two.
        mi_collect(true);
    }
}

/// One time that most clients have gone.
struct Ebb {
    number: u64,
    workers: usize,
    /// How many of the workers have looked.
    looked: Mutex<usize>,
    all: Condvar,
}

impl Ebb {
    fn begin(number: u64, workers: usize) -> Arc<Self> {
        Arc::new(Self { number, workers, looked: Mutex::new(0), all: Condvar::new() })
    }

    /// Has each of the workers look through its pages, and says how many did: one that is busy for long is not waited for.
    async fn reach(self: Arc<Self>, workers: &Handle) -> usize {
        for _ in 0..EBB_ROUNDS_MAX {
            let look = || {
                let ebb = Arc::clone(&self);
                workers.spawn(async move { ebb.look_through() })
            };
            let looking: Vec<_> = std::iter::repeat_with(look).take(self.workers).collect();
            for worker in looking {
                // It fails where the workers are told to end: then there is nothing to give back any more.
                let _ = worker.await;
            }
            if self.looked() >= self.workers {
                break;
            }
        }
        self.looked()
    }

    /// Looks through the pages of the thread that it runs on, and keeps that for a moment from taking up the next of these
    /// tasks, which are for its neighbours: there is no other way to wake each of them.
    fn look_through(&self) {
        thread_local! {
            static LOOKED: Cell<u64> = const { Cell::new(0) };
        }
        let fresh = LOOKED.replace(self.number) < self.number;
        if fresh {
            mi_collect(false);
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        *looked += usize::from(fresh);
        if *looked >= self.workers {
            self.all.notify_all();
        } else {
            // What comes of it is all the same: whoever is late is reached in the next round.
            let _ = self.all.wait_timeout_while(looked, EBB_HOLD, |looked| *looked < self.workers);
        }
    }

    fn looked(&self) -> usize {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    unsafe_code,
    reason = "mimalloc's own function, as its header declares it; the crate around it does not"
)]
unsafe extern "C" {
    /// Frees what the thread has no use for; `force` also returns it to the system, at once and for all threads.
    safe fn mi_collect(force: bool);
}

/// How far the number of clients has risen since it last fell.
#[derive(Debug, Default)]
struct Tide {
    highest: usize,
}

impl Tide {
    /// Whether most of those who were there have gone.
    fn has_turned(&mut self, load: usize) -> bool {
        self.highest = self.highest.max(load);
        let turned = self.highest >= EBB_LEAST && load <= self.highest / 2;
        if turned {
            self.highest = load;
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_is_reached() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).build().unwrap();
        let control = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for number in 1..=3 {
            assert_eq!(control.block_on(Ebb::begin(number, 8).reach(runtime.handle())), 8);
        }
    }

    #[test]
    fn the_tide_turns_once_for_each_crowd() {
        let mut tide = Tide::default();
        let mut turns = |loads: &[usize]| loads.iter().filter(|load| tide.has_turned(**load)).count();
        assert_eq!(turns(&[0, EBB_LEAST - 1, 0, 0]), 0, "a few have gone");
        assert_eq!(turns(&[EBB_LEAST, EBB_LEAST / 2 + 1]), 0, "some have gone");
        assert_eq!(turns(&[EBB_LEAST / 2, 0, 0]), 1, "most have gone");
        assert_eq!(turns(&[10 * EBB_LEAST, 4 * EBB_LEAST, 5 * EBB_LEAST, 0]), 2);
    }
}
