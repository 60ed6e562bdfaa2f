//! Frames of HTTP/2 on a socket, for those that no client would send.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ClientError, Raw};
use crate::tls::Tls;

/// One connection, past its preface, on which each frame is a test's own.
pub struct Frames {
    raw: Raw,
}

/// A frame (RFC 9113 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// One of [`Frame::DATA`] and its like, or one that nobody knows.
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// What became of a request, or of the connection that it was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The status of a response that has ended.
    Answered(u16),
    /// The code of a RST_STREAM.
    Reset(u32),
    /// The code of a GOAWAY, other than none.
    Gone(u32),
    /// The connection was closed without a word.
    Closed,
    /// Nothing of that came in time.
    Nothing,
}

impl Frame {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;

    /// On DATA and HEADERS.
    pub const END_STREAM: u8 = 0x1;
    /// On SETTINGS and PING.
    pub const ACK: u8 = 0x1;
    /// On HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;

    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A whole request without a body.
    pub fn request(stream: u32, fields: &[(&str, &str)]) -> Self {
        Self::new(Self::HEADERS, Self::END_STREAM | Self::END_HEADERS, stream, fields_of(fields))
    }

    /// The head of a request whose body follows.
    pub fn head(stream: u32, fields: &[(&str, &str)]) -> Self {
        Self::new(Self::HEADERS, Self::END_HEADERS, stream, fields_of(fields))
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [head, self.payload.clone()].concat()
    }
}

/// A block of fields, each spelled out (RFC 7541 section 6.2.2): no table is needed to read it.
pub fn fields_of(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// With a prefix of seven bits (RFC 7541 section 5.1).
fn integer(block: &mut Vec<u8>, number: usize) {
    let Some(mut left) = number.checked_sub(0x7f) else {
        return block.push(u8::try_from(number).unwrap_or(0x7f));
    };
    block.push(0x7f);
    while left >= 0x80 {
        block.push(0x80 | u8::try_from(left & 0x7f).unwrap_or(0));
        left >>= 7;
    }
    block.push(u8::try_from(left).unwrap_or(0));
}

impl Frames {
    /// Connects, and exchanges settings: without a table of fields, so that a status is always spelled out.
    ///
    /// # Errors
    ///
    /// Where nobody listens there, or it speaks no HTTP/2.
    pub fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        Self::over(Raw::connect(address)?, address)
    }

    /// The same over TLS, in which HTTP/2 has to be asked for.
    ///
    /// # Errors
    ///
    /// As above, or where it does not come to a TLS connection.
    pub fn secure(address: SocketAddr, tls: &Tls) -> Result<Self, ClientError> {
        Self::over(Raw::secure(address, tls)?, address)
    }

    fn over(raw: Raw, address: SocketAddr) -> Result<Self, ClientError> {
        let mut frames = Self { raw };
        frames.raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        frames.send(&Frame::new(Frame::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0]))?;
        let settings = frames.next(PATIENCE)?;
        if settings.is_none_or(|frame| frame.kind != Frame::SETTINGS) {
            return Err(ClientError::Late { address, what: "the preface of HTTP/2".to_owned() });
        }
        frames.send(&Frame::new(Frame::SETTINGS, Frame::ACK, 0, []))?;
        Ok(frames)
    }

    /// # Errors
    ///
    /// Where the other side takes nothing more.
    pub fn send(&mut self, frame: &Frame) -> Result<(), ClientError> {
        self.raw.send(&frame.bytes())
    }

    /// These very bytes: many frames, or none.
    ///
    /// # Errors
    ///
    /// Where the other side takes nothing more.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.raw.send(bytes)
    }

    /// Whether the connection is open, and nothing has come that was not read.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be asked.
    pub fn lies_idle(&self) -> Result<bool, ClientError> {
        self.raw.lies_idle()
    }

    /// How long the other side may take nothing of what is sent before that fails.
    ///
    /// # Errors
    ///
    /// Where the system has no such clock.
    pub fn patience(&mut self, within: Duration) -> Result<(), ClientError> {
        self.raw.patience(within)
    }

    /// The next frame, if one comes in time and before the connection ends.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn next(&mut self, within: Duration) -> Result<Option<Frame>, ClientError> {
        let head = self.raw.exactly(9, within)?;
        let [a, b, c, kind, flags, d, e, f, g] = head[..] else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let payload = self.raw.exactly(length, within)?;
        let stream = u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff;
        Ok((payload.len() == length).then_some(Frame { kind, flags, stream, payload }))
    }

    /// What becomes of a stream, or of the whole connection if that comes first.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn outcome(&mut self, stream: u32, within: Duration) -> Result<Outcome, ClientError> {
        let mut status = 0;
        loop {
            let Some(frame) = self.next(within)? else {
                return Ok(if self.raw.has_ended() { Outcome::Closed } else { Outcome::Nothing });
            };
            let ended = frame.stream == stream && frame.flags & Frame::END_STREAM != 0;
            match frame.kind {
                Frame::HEADERS if frame.stream == stream => {
                    // Trailers have none.
                    status = status_of(&frame.payload).unwrap_or(status);
                    if ended {
                        return Ok(Outcome::Answered(status));
                    }
                }
                Frame::DATA if ended => return Ok(Outcome::Answered(status)),
                Frame::RST_STREAM if frame.stream == stream => {
                    return Ok(Outcome::Reset(code(&frame.payload, 0)));
                }
                Frame::GOAWAY if code(&frame.payload, 4) != 0 => {
                    return Ok(Outcome::Gone(code(&frame.payload, 4)));
                }
                _ => {}
            }
        }
    }
}

fn code(payload: &[u8], at: usize) -> u32 {
    let bytes = payload.get(at..).and_then(|rest| rest.first_chunk::<4>());
    bytes.map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes))
}

/// The status that a block of fields begins with: one of RFC 7541's table, or three digits as they are or in
/// Huffman's code.
fn status_of(block: &[u8]) -> Option<u16> {
    const KNOWN: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A change of the table's size may come before it.
    let begin = block.iter().position(|byte| byte & 0xe0 != 0x20)?;
    match block.get(begin..)? {
        [byte @ 0x88..=0x8e, ..] => KNOWN.get(usize::from(byte - 0x88)).copied(),
        // Its name is the eighth of the table, whether its value is to be remembered or not.
        [0x48 | 0x08 | 0x18, 0x03, digits @ ..] => std::str::from_utf8(digits.get(..3)?).ok()?.parse().ok(),
        [0x48 | 0x08 | 0x18, length, coded @ ..] => digits(coded.get(..usize::from(length & 0x7f))?),
        _ => None,
    }
}

/// Three digits in Huffman's code (RFC 7541 appendix B): 0, 1 and 2 take five bits, the others six.
fn digits(coded: &[u8]) -> Option<u16> {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).try_fold(0, |sum, _| Some(sum << 1 | bits.next()?))?;
        let digit = if five < 3 { five } else { (five << 1 | bits.next()?) - 0x16 };
        number = number * 10 + digit;
    }
    Some(number)
}

/// Longer than any frame that is still to come.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_however_it_is_spelled() {
        assert_eq!(status_of(&[0x88, 0x5f]), Some(200));
        assert_eq!(status_of(&[0x20, 0x8c]), Some(400));
        assert_eq!(status_of(b"\x48\x03502"), Some(502));
        // Of RFC 7541, appendix C.6.1 and C.6.2.
        assert_eq!(status_of(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status_of(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
        assert_eq!(status_of(&[0x5f]), None);
    }

    #[test]
    fn a_frame_is_written_as_the_standard_has_it() {
        let frame = Frame::request(1, &[("a", "bc")]);
        assert_eq!(frame.bytes(), [0, 0, 6, 1, 5, 0, 0, 0, 1, 0, 1, b'a', 2, b'b', b'c']);
        let long = "x".repeat(1337);
        assert_eq!(fields_of(&[("a", &long)])[3..6], [0x7f, 0xba, 0x09]);
    }
}
