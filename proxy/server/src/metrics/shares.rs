//! What is counted by many workers, without any of them in the way of another.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;

/// A share for each worker, made when it first counts something: workers do not pass the same lines
/// of memory around, and what is never counted costs next to nothing.
#[derive(Debug)]
pub(crate) struct Shares<T>(Box<[OnceLock<Box<Apart<T>>>]>);

/// So that no two of them lie in lines that processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T: Default> Shares<T> {
    /// That of this thread. There may be more threads than shares: whoever counts adds, and does not set.
    pub(crate) fn own(&self) -> Option<&T> {
        self.0.get(worker(self.0.len())).map(|share| &share.get_or_init(Box::default).0)
    }

    /// Those of all that have counted something.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(OnceLock::get).map(|share| &share.0)
    }
}

impl<T> Default for Shares<T> {
    fn default() -> Self {
        Self(std::iter::repeat_with(OnceLock::new).take(shares()).collect())
    }
}

/// How many shares there are of anything: one for each processor, for that many threads run at one time.
pub(crate) fn shares() -> usize {
    // Counting processors reads files of the system.
    static SHARES: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from).min(SHARES_MAX));
    *SHARES
}

/// Which of so many is this thread's.
pub(crate) fn worker(shares: usize) -> usize {
    NUMBER.with(|number| *number) % shares.max(1)
}

thread_local! {
    /// The number of this thread, in the order in which threads first counted something.
    static NUMBER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

/// More serve no machine, and whatever is counted has them.
const SHARES_MAX: usize = 64;
