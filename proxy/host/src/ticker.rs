//! The clock of deadlines: a plain thread, because a guest that spins on a
//! runtime's worker must not stop the clock that ends it.
//!
//! It stands still while nobody calls a guest: a thread that wakes a thousand times a second costs
//! every request of an edge without filters, and keeps a machine that has nothing to do awake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use edgeloom_core::limits::CONFIGURE_DEADLINE;
use wasmtime::Engine;

/// How often the epoch moves; deadlines are kept to this, and one tick more.
pub(crate) const TICK: Duration = Duration::from_millis(1);

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
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Arc<Self>> {
        let engine = engine.clone();
        // A call that was not seen for the longest of all deadlines has passed its own.
        Self::ticking(ticks(CONFIGURE_DEADLINE) + 1, move || engine.increment_epoch())
    }

    /// Ticks for so long after it was wound last.
    fn ticking(spring: u64, tick: impl FnMut() + Send + 'static) -> std::io::Result<Arc<Self>> {
        let dial = Arc::new(Dial::default());
        let (wake, woken) = mpsc::channel();
        let of_thread = Arc::clone(&dial);
        let run = move || of_thread.run(&woken, spring, tick);
        let thread = thread::Builder::new().name("edgeloom-epoch".into()).spawn(run)?;
        Ok(Arc::new(Self { dial, wake: Some(wake), thread: Some(thread) }))
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
            match woken.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => tick(),
                Err(RecvTimeoutError::Disconnected) => return,
                // It is awake already.
                Ok(()) => {}
            }
            left = if self.wound.swap(false, Ordering::SeqCst) { spring } else { left.saturating_sub(1) };
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
