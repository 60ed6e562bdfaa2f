//! What those know of a connection of HTTP/2 who share it: its bytes, the loop over its streams, and each of these.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use edgeloom_config::Limits;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::listen::excess::Excess;
use crate::listen::frames::Frames;

/// A connection's bytes, as they pass.
pub(in crate::listen) struct Watched {
    frames: Frames,
    pub(in crate::listen) known: Arc<Known>,
}

impl Watched {
    pub(in crate::listen) fn after(preface: usize, limits: &Limits, known: Arc<Known>) -> Self {
        Self { frames: Frames::after(preface, limits.resets, limits.control_frames), known }
    }

    /// Whether these bytes of the client's are none too many.
    pub(in crate::listen) fn come(&mut self, bytes: &[u8]) -> bool {
        let passed = self.frames.come(bytes);
        passed.map_err(|excess| self.known.exceeded_by(excess)).is_ok()
    }

    /// These bytes are sent to it.
    pub(in crate::listen) fn go(&mut self, bytes: &[u8]) {
        if let Err(excess) = self.frames.go(bytes) {
            self.known.exceeded_by(excess);
        }
    }
}

/// Of one connection.
#[derive(Debug)]
pub(in crate::listen) struct Known {
    began: Instant,
    excess: OnceLock<Excess>,
    told: Notify,
    /// Whether the client is to read why the connection ends.
    cut_short: AtomicBool,
    /// For how long the client has taken nothing at all, in microseconds after `began`: until now, and since when.
    stalled: AtomicU64,
    stalled_since: AtomicU64,
}

impl Known {
    pub(in crate::listen) fn new() -> Self {
        Self {
            began: Instant::now(),
            excess: OnceLock::new(),
            told: Notify::new(),
            cut_short: AtomicBool::new(false),
            stalled: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
        }
    }

    /// The client has done too much: nothing more is read of it.
    pub(in crate::listen) fn exceeded_by(&self, excess: Excess) {
        // The first is what it was.
        if self.excess.set(excess).is_ok() {
            self.told.notify_one();
        }
    }

    pub(in crate::listen) fn is_exceeded(&self) -> bool {
        self.excess.get().is_some()
    }

    /// Waits until that happens.
    pub(in crate::listen) async fn excess(&self) -> Excess {
        loop {
            match self.excess.get() {
                Some(excess) => return *excess,
                None => self.told.notified().await,
            }
        }
    }

    /// The connection ends with something that the client should get to read.
    pub(super) fn cut_short(&self) {
        self.cut_short.store(true, Ordering::Relaxed);
    }

    pub(in crate::listen) fn is_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// The client takes nothing, on any stream.
    pub(in crate::listen) fn stalls(&self) {
        if self.stalled_since.load(Ordering::Relaxed) == 0 {
            self.stalled_since.store(self.now().max(1), Ordering::Relaxed);
        }
    }

    /// It does again.
    pub(in crate::listen) fn flows(&self) {
        let since = self.stalled_since.load(Ordering::Relaxed);
        if since != 0 {
            self.stalled_since.store(0, Ordering::Relaxed);
            self.stalled.fetch_add(self.now().saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// For how long it has taken nothing so far, all in all.
    pub(super) fn stalled(&self) -> Duration {
        let since = self.stalled_since.load(Ordering::Relaxed);
        let current = if since == 0 { 0 } else { self.now().saturating_sub(since) };
        Duration::from_micros(self.stalled.load(Ordering::Relaxed) + current)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_known_for_how_long_nothing_was_taken() {
        let (known, second) = (Known::new(), Duration::from_secs(1));
        known.flows();
        tokio::time::advance(second).await;
        assert_eq!(known.stalled(), Duration::ZERO);
        known.stalls();
        tokio::time::advance(second).await;
        known.stalls();
        assert_eq!(known.stalled(), second);
        tokio::time::advance(second).await;
        known.flows();
        tokio::time::advance(second).await;
        assert_eq!(known.stalled(), 2 * second);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_too_much_first_is_what_is_told() {
        let known = Known::new();
        known.exceeded_by(Excess::Resets);
        known.exceeded_by(Excess::ControlFrames);
        assert_eq!((known.excess().await, known.is_exceeded()), (Excess::Resets, true));
    }
}
