//! The frames of HTTP/2 that pass on a connection, as far as they have to be counted.
//!
//! The library behind us answers for their form, and bounds what it keeps of them. What it does not bound is how much work
//! a client makes that asks for nothing: streams that are opened only to be reset, by itself (CVE-2023-44487) or by us
//! (CVE-2025-8671), each of which costs a request to an endpoint; and frames that carry no part of a request.

use std::time::Duration;

use tokio::time::Instant;

use super::excess::Excess;

/// A look at the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    came: Cut,
    went: Cut,
    resets: Bound,
    control: Bound,
}

/// Where one frame ends, and the next begins.
#[derive(Debug)]
struct Cut {
    /// What is known of the header of the next frame, and of what a reset says.
    header: [u8; HEADER + CODE],
    have: usize,
    /// How much of the frame at hand is still to come.
    payload: usize,
}

/// What a frame is.
#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    /// Of a reset, why.
    code: u32,
}

/// How often something may be within a minute.
#[derive(Debug)]
struct Bound {
    /// In quarters, because what is sent allows as little as that.
    used: u64,
    most: u64,
    /// What was allowed beside the most there may be, since then.
    more: u64,
    since: Option<Instant>,
}

/// RFC 9113 section 4.1.
const HEADER: usize = 9;
/// RFC 9113 section 6.4.
const CODE: usize = 4;

/// RFC 9113 section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

/// For how long is added up.
const WINDOW: Duration = Duration::from_secs(60);

/// The smallest piece of a body that allows a frame of its own: the smallest message of gRPC has five bytes. Who opens
/// windows by less only means to have more frames.
const PIECE: usize = 4;

impl Frames {
    /// Of a connection of which the preface has come, or comes first, in `preface` bytes.
    pub(super) fn after(preface: usize, resets: u32, control: u32) -> Self {
        Self {
            came: Cut::after(preface),
            went: Cut::after(0),
            resets: Bound::of(resets),
            control: Bound::of(control),
        }
    }

    /// The next bytes from the client.
    ///
    /// # Errors
    ///
    /// Where it has done too much of something.
    pub(super) fn come(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        let Self { came, resets, control, .. } = self;
        came.pass(bytes, |frame| match frame.kind {
            RST_STREAM if !resets.one_more() => Err(Excess::Resets),
            DATA if frame.length > 0 || frame.flags & END_STREAM != 0 => Ok(()),
            HEADERS | RST_STREAM => Ok(()),
            _ if !control.one_more() => Err(Excess::ControlFrames),
            _ => Ok(()),
        })
    }

    /// The next bytes to the client.
    ///
    /// # Errors
    ///
    /// Where it has made us say something too often.
    pub(super) fn go(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        let Self { went, resets, control, .. } = self;
        went.pass(bytes, |frame| {
            match frame.kind {
                DATA | HEADERS => control.allow(frame.length.min(PIECE)),
                RST_STREAM if is_the_clients(frame.code) && !resets.one_more() => {
                    return Err(Excess::Refusals);
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// Whether a stream was reset for what the client did, and not because an exchange has failed.
fn is_the_clients(code: u32) -> bool {
    let reason = h2::Reason::from(code);
    [
        h2::Reason::PROTOCOL_ERROR,
        h2::Reason::FLOW_CONTROL_ERROR,
        h2::Reason::STREAM_CLOSED,
        h2::Reason::FRAME_SIZE_ERROR,
        h2::Reason::REFUSED_STREAM,
        h2::Reason::ENHANCE_YOUR_CALM,
    ]
    .contains(&reason)
}

impl Cut {
    fn after(bytes: usize) -> Self {
        Self { header: [0; HEADER + CODE], have: 0, payload: bytes }
    }

    /// Tells of every frame that begins in these bytes.
    fn pass(
        &mut self,
        mut bytes: &[u8],
        mut tell: impl FnMut(Frame) -> Result<(), Excess>,
    ) -> Result<(), Excess> {
        loop {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let wanted = self.wanted();
            let missing = self.header.get_mut(self.have..wanted).unwrap_or_default();
            let taken = missing.len().min(bytes.len());
            for (to, from) in missing.iter_mut().zip(bytes) {
                *to = *from;
            }
            self.have += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.have < self.wanted() {
                if bytes.is_empty() {
                    return Ok(());
                }
                // It has just turned out to be a reset, and what that says is there, too.
                continue;
            }
            let frame = self.frame();
            self.payload = (HEADER + frame.length).saturating_sub(self.have);
            self.have = 0;
            tell(frame)?;
        }
    }

    /// How much has to be known of a frame: of a reset, what it says.
    fn wanted(&self) -> usize {
        let frame = self.frame();
        if self.have >= HEADER && frame.kind == RST_STREAM && frame.length >= CODE {
            HEADER + CODE
        } else {
            HEADER
        }
    }

    fn frame(&self) -> Frame {
        let [high, middle, low, kind, flags, _, _, _, _, code @ ..] = self.header;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Frame { length, kind, flags, code: u32::from_be_bytes(code) }
    }
}

impl Bound {
    fn of(most: u32) -> Self {
        Self { used: 0, most: u64::from(most) * PIECE as u64, more: 0, since: None }
    }

    /// Whether there may be one more. The clock is looked at where one begins to count, and where there are too many.
    fn one_more(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.used += PIECE as u64;
        if self.used <= self.most + self.more {
            return true;
        }
        if since.elapsed() < WINDOW {
            return false;
        }
        (self.used, self.more, self.since) = (PIECE as u64, 0, Some(Instant::now()));
        self.used <= self.most
    }

    /// So many quarters more than there may be otherwise.
    fn allow(&mut self, quarters: usize) {
        self.more += quarters as u64;
    }
}

#[cfg(test)]
mod tests;
