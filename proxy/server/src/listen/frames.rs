//! The frames of HTTP/2 that a client sends, as far as they have to be counted.
//!
//! The library behind us answers for their form. What it does not count is how
//! often a client opens a stream only to reset it (CVE-2023-44487): each costs
//! a request to an endpoint.

use std::time::Duration;

use tokio::time::Instant;

/// A look at the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// What is known of the header of the next frame.
    header: [u8; HEADER],
    have: usize,
    /// How much of the frame at hand is still to come.
    payload: usize,
    resets: u32,
    resets_max: u32,
    /// When resets are counted anew.
    until: Option<Instant>,
}

/// A client has reset too many streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many streams were reset")]
pub(super) struct TooManyResets;

/// RFC 9113 section 4.1.
const HEADER: usize = 9;

/// RFC 9113 section 6.4.
const RST_STREAM: u8 = 3;

/// For how long resets are added up.
const WINDOW: Duration = Duration::from_secs(60);

impl Frames {
    /// Of a connection of which the preface has come, or comes first, in `preface` bytes.
    pub(super) fn after(preface: usize, resets_max: u32) -> Self {
        Self { header: [0; HEADER], have: 0, payload: preface, resets: 0, resets_max, until: None }
    }

    /// The next bytes of the connection.
    ///
    /// # Errors
    ///
    /// Where the client has reset more streams than it may.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), TooManyResets> {
        loop {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = self.header.get_mut(self.have..).unwrap_or_default();
            let taken = missing.len().min(bytes.len());
            for (to, from) in missing.iter_mut().zip(bytes) {
                *to = *from;
            }
            self.have += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.have < HEADER {
                return Ok(());
            }
            let [high, middle, low, kind, ..] = self.header;
            self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            self.have = 0;
            if kind == RST_STREAM {
                self.reset()?;
            }
        }
    }

    fn reset(&mut self) -> Result<(), TooManyResets> {
        let now = Instant::now();
        if self.until.is_none_or(|until| now >= until) {
            self.until = Some(now + WINDOW);
            self.resets = 0;
        }
        self.resets = self.resets.saturating_add(1);
        if self.resets > self.resets_max { Err(TooManyResets) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
    }

    fn reset() -> Vec<u8> {
        frame(RST_STREAM, &[0, 0, 0, 8])
    }

    #[tokio::test(start_paused = true)]
    async fn resets_are_counted_in_any_pieces_and_nothing_else_is() {
        let data = frame(0, &reset().repeat(100));
        let sent = [b"preface".to_vec(), frame(4, &[]), data, reset(), frame(1, b"head"), reset()].concat();
        for size in [1, 2, 7, 9, 13, sent.len()] {
            let mut frames = Frames::after(7, 2);
            assert!(sent.chunks(size).all(|piece| frames.pass(piece).is_ok()), "{size}");
            assert_eq!((frames.resets, frames.payload), (2, 0), "{size}");
            assert_eq!(frames.pass(&reset()), Err(TooManyResets), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_minute_they_count_anew() {
        let mut frames = Frames::after(0, 1);
        assert_eq!(frames.pass(&reset()), Ok(()));
        tokio::time::advance(WINDOW).await;
        assert_eq!(frames.pass(&reset()), Ok(()));
        assert_eq!(frames.pass(&reset()), Err(TooManyResets));
        assert_eq!(Frames::after(0, 0).pass(&reset()), Err(TooManyResets));
    }
}
