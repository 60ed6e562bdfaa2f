//! The clock of deadlines: a plain thread, because a guest that spins on a
//! runtime's worker must not stop the clock that ends it.
//!
//! It stands still while nobody calls a guest: a thread that wakes a thousand times a second costs
//! every request of an edge without filters, and keeps a machine that has nothing to do awake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use edgeloom_core::limits::CONFIGURE_DEADLINE;
use wasmtime::Engine;

/// What the epoch counts.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The most ticks that the epoch moves by at once. A wake-up of the thread takes some 15 µs, so it has
/// no more of them than the shortest deadline needs.
const STRIDE_MAX: u64 = 5;

/// Moves the engine's epoch until dropped.
pub(crate) struct Ticker {
    dial: Arc<Dial>,
    /// Wakes the thread; closed to stop it.
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and those who call have in common.
#[derive(Default)]
struct Dial {
    /// Whether a call has begun, or was seen running, since the last tick.
    wound: AtomicBool,
    asleep: AtomicBool,
    /// How many ticks the epoch moves by at once.
    stride: AtomicU64,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Arc<Self>> {
        let engine = engine.clone();
        // A call that was not seen for the longest of all deadlines has passed its own.
        Self::ticking(ticks(CONFIGURE_DEADLINE) + 1, move || engine.increment_epoch())
    }

    /// Ticks for so long after it was wound last.
    fn ticking(spring: u64, tick: impl FnMut() + Send + 'static) -> std::io::Result<Arc<Self>> {
        let dial = Arc::new(Dial { stride: AtomicU64::new(STRIDE_MAX), ..Dial::default() });
        let (wake, woken) = mpsc::channel();
        let of_thread = Arc::clone(&dial);
        let run = move || of_thread.run(&woken, spring, tick);
        let thread = thread::Builder::new().name("edgeloom-epoch".into()).spawn(run)?;
        Ok(Arc::new(Self { dial, wake: Some(wake), thread: Some(thread) }))
    }

    /// There is a deadline of this length: from now on the first alarm of a call comes after a quarter
    /// of it, and a stride more at most.
    pub(crate) fn keep(&self, deadline: Duration) {
        let stride = alarm_after(deadline).saturating_sub(1).max(1);
        self.dial.stride.fetch_min(stride, Ordering::Relaxed);
    }

    /// A call begins, or is still running: from here on it ticks for at least the longest deadline.
    pub(crate) fn wind(&self) {
        // Written once a tick, and not by every call: workers would pass its line around.
        if self.dial.wound.load(Ordering::Relaxed) {
            return;
        }
        self.dial.wound.store(true, Ordering::SeqCst);
        // Either we see that it sleeps, or it sees before it does that it was wound.
        if self.dial.asleep.load(Ordering::SeqCst)
            && self.dial.asleep.swap(false, Ordering::SeqCst)
            && let Some(wake) = &self.wake
        {
            // The thread is there for as long as we are.
            let _ = wake.send(());
        }
    }
}

impl Dial {
    fn run(&self, woken: &Receiver<()>, spring: u64, mut tick: impl FnMut()) {
        let mut left = 0;
        loop {
            if left == 0 {
                self.asleep.store(true, Ordering::SeqCst);
                let is_wound = self.wound.load(Ordering::SeqCst);
                let stays_up = is_wound && self.asleep.swap(false, Ordering::SeqCst);
                if !stays_up && woken.recv().is_err() {
                    return;
                }
            }
            let stride = self.stride.load(Ordering::Relaxed);
            let pause = u32::try_from(stride).map_or(TICK, |stride| TICK * stride);
            match woken.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => (0..stride).for_each(|_| tick()),
                Err(RecvTimeoutError::Disconnected) => return,
                // It is awake already.
                Ok(()) => {}
            }
            left =
                if self.wound.swap(false, Ordering::SeqCst) { spring } else { left.saturating_sub(stride) };
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            // The thread only ticks: it can not have panicked.
            let _ended = thread.join();
        }
    }
}

/// The ticks until a call with this deadline is looked at for the first time: more than a stride, which may end as
/// soon as the call has begun.
pub(crate) fn alarm_after(deadline: Duration) -> u64 {
    ticks(deadline / 4)
}

/// The ticks after which this much time has surely passed.
pub(crate) fn ticks(deadline: Duration) -> u64 {
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPRING: u64 = 10;
    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn it_ticks_for_as_long_as_its_spring_after_it_was_wound() {
        let (tick, ticked) = mpsc::channel();
        let ticker = Ticker::ticking(SPRING, move || tick.send(()).unwrap()).unwrap();
        let stands_still = || ticked.recv_timeout(20 * TICK) == Err(RecvTimeoutError::Timeout);
        assert!(stands_still(), "nobody has wound it");
        for _ in 0..3 {
            ticker.wind();
            for _ in 0..SPRING {
                ticked.recv_timeout(PATIENCE).unwrap();
            }
            // Two more, as it is wound in the middle of a tick and looks at the end of one.
            while ticked.recv_timeout(PATIENCE / 100).is_ok() {}
            assert!(stands_still());
        }
    }

    #[test]
    fn the_shortest_deadline_says_how_far_it_moves_at_once() {
        let ticker = Ticker::ticking(SPRING, || {}).unwrap();
        for (deadline, stride) in [(1000, 5), (16, 4), (10, 3), (100, 3), (1, 1)] {
            let deadline = Duration::from_millis(deadline);
            ticker.keep(deadline);
            assert_eq!(ticker.dial.stride.load(Ordering::Relaxed), stride, "{deadline:?}");
            assert!(alarm_after(deadline) > stride, "a call is not looked at as soon as it has begun");
        }
    }

    #[test]
    fn one_that_is_wound_again_and_again_goes_on() {
        let (tick, ticked) = mpsc::channel();
        let ticker = Ticker::ticking(1, move || tick.send(()).unwrap()).unwrap();
        // Every time it is about to sleep, or does: a wake-up that was lost would be waited for in vain.
        for _ in 0..300 {
            ticker.wind();
            ticked.recv_timeout(PATIENCE).unwrap();
        }
    }
}
