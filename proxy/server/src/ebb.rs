//! Memory that is given back to the system when many clients have gone.
//!
//! What a connection held is freed by whichever worker it ended on, while the pages that it was in belong to the worker
//! that took them. The allocator looks through a thread's pages when that thread asks for more, and returns free ones to the
//! system when somebody asks a while later. After a crowd has gone nobody asks for anything: without a word from us, the
//! memory of its busiest moment would be held until the next one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;

use crate::limits::{EBB_LEAST, EBB_LOOK, EBB_ROUNDS_MAX};

/// Looks now and then how many clients there are, and has each of the workers look through its pages when most of them
/// have gone. Never on a request's path: the workers do it as a task beside others.
pub(crate) async fn watch(load: impl Fn() -> usize, workers: Handle, count: usize) {
    let mut tide = Tide::default();
    for ebb in 1_u64.. {
        while !tide.has_turned(load()) {
            tokio::time::sleep(EBB_LOOK).await;
        }
        let looked = Arc::new(AtomicUsize::new(0));
        for _ in 0..EBB_ROUNDS_MAX {
            let looking: Vec<_> =
                (0..count).map(|_| workers.spawn(look_through(ebb, Arc::clone(&looked)))).collect();
            for worker in looking {
                // It fails where the workers are told to end: then there is nothing to give back any more.
                let _ = worker.await;
            }
            if looked.load(Ordering::Relaxed) >= count {
                break;
            }
        }
        // What they found is returned here, where nobody waits: it takes ten milliseconds, and their look one or two.
        mi_collect(true);
    }
}

/// Looks through the pages of the thread that it runs on, once for each ebb.
async fn look_through(ebb: u64, looked: Arc<AtomicUsize>) {
    thread_local! {
        static LOOKED: Cell<u64> = const { Cell::new(0) };
    }
    if LOOKED.replace(ebb) < ebb {
        mi_collect(false);
        looked.fetch_add(1, Ordering::Relaxed);
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
    fn the_tide_turns_once_for_each_crowd() {
        let mut tide = Tide::default();
        let mut turns = |loads: &[usize]| loads.iter().filter(|load| tide.has_turned(**load)).count();
        assert_eq!(turns(&[0, EBB_LEAST - 1, 0, 0]), 0, "a few have gone");
        assert_eq!(turns(&[EBB_LEAST, EBB_LEAST / 2 + 1]), 0, "some have gone");
        assert_eq!(turns(&[EBB_LEAST / 2, 0, 0]), 1, "most have gone");
        assert_eq!(turns(&[10 * EBB_LEAST, 4 * EBB_LEAST, 5 * EBB_LEAST, EBB_LEAST, 0]), 2);
    }
}
