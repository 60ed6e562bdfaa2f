//! Where the body of a request ends, byte by byte, whatever pieces it comes in.

use super::head::Framing;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes.
    Length(u64),
    Chunks(Chunks),
    Ended,
}

/// Where in the chunked coding (RFC 9112 section 7.1) the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Chunks {
    place: Place,
    /// Of the chunk at hand: as far as it has been read, or as much as is to come.
    size: u64,
    /// Bytes of the line at hand, or of all trailers.
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataFeed,
    TrailerStart,
    Trailer,
    TrailerFeed,
    LastFeed,
}

/// Why the bytes are no chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    #[error("the size of a chunk is no hexadecimal number")]
    Size,
    #[error("the size of a chunk is too large")]
    TooLarge,
    #[error("an extension of a chunk is too long, or has control characters")]
    Extension,
    #[error(
        "a chunk is longer than it says, or its line does not end with a carriage return and a line feed"
    )]
    LineEnd,
    #[error("the trailers are too long, or no header lines")]
    Trailer,
}

impl Rest {
    /// Of a body of which nothing has come.
    pub fn of(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunks(Chunks { place: Place::Size, size: 0, length: 0 }),
        })
    }

    pub fn has_ended(&self) -> bool {
        self.0 == State::Ended
    }

    /// The most bytes that may be read without reading past the end; `None` if that can not be known.
    pub fn at_most(&self) -> Option<u64> {
        match self.0 {
            State::Length(length) => Some(length),
            State::Chunks(_) => None,
            State::Ended => Some(0),
        }
    }

    /// How many of these bytes are the body's, framing included.
    ///
    /// # Errors
    ///
    /// Where they are no body.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, ChunkFault> {
        match &mut self.0 {
            State::Ended => Ok(0),
            State::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                if *left == 0 {
                    self.0 = State::Ended;
                }
                Ok(taken)
            }
            State::Chunks(chunks) => {
                let mut taken = 0;
                while let Some(rest) = bytes.get(taken..)
                    && let Some(byte) = rest.first()
                {
                    if chunks.place == Place::Data {
                        let data = usize::try_from(chunks.size).unwrap_or(usize::MAX).min(rest.len());
                        taken += data;
                        chunks.size -= data as u64;
                        if chunks.size == 0 {
                            chunks.place = Place::DataReturn;
                        }
                        continue;
                    }
                    taken += 1;
                    if chunks.step(*byte)? {
                        self.0 = State::Ended;
                        break;
                    }
                }
                Ok(taken)
            }
        }
    }
}

impl Chunks {
    /// One byte of what is not data; whether it was the last of the body.
    fn step(&mut self, byte: u8) -> Result<bool, ChunkFault> {
        match (self.place, byte) {
            (Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte)?,
            (Place::Size, _) if self.length == 0 => return Err(ChunkFault::Size),
            (Place::Size | Place::Extension, b'\r') => self.go(Place::SizeEnd),
            // Spaces before it are a repair that a recipient may make; here, no.
            (Place::Size, b';') => self.place = Place::Extension,
            (Place::Size, _) => return Err(ChunkFault::Size),
            (Place::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count(EXTENSION_MAX, ChunkFault::Extension)?;
            }
            (Place::Extension, _) => return Err(ChunkFault::Extension),
            (Place::SizeEnd, b'\n') if self.size == 0 => self.go(Place::TrailerStart),
            (Place::SizeEnd, b'\n') => self.go(Place::Data),
            (Place::DataReturn, b'\r') => self.go(Place::DataFeed),
            (Place::DataFeed, b'\n') => self.go(Place::Size),
            (Place::TrailerStart, b'\r') => self.place = Place::LastFeed,
            (Place::LastFeed, b'\n') => return Ok(true),
            // A line that begins with a colon or a space has no name.
            (Place::TrailerStart, b':' | b' ' | b'\t') => return Err(ChunkFault::Trailer),
            (Place::Trailer, b'\r') => self.place = Place::TrailerFeed,
            (Place::TrailerFeed, b'\n') => self.place = Place::TrailerStart,
            (Place::TrailerStart | Place::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.place = Place::Trailer;
                self.count(TRAILERS_MAX, ChunkFault::Trailer)?;
            }
            (Place::TrailerStart | Place::Trailer | Place::TrailerFeed, _) => {
                return Err(ChunkFault::Trailer);
            }
            (Place::SizeEnd | Place::DataReturn | Place::DataFeed | Place::LastFeed | Place::Data, _) => {
                return Err(ChunkFault::LineEnd);
            }
        }
        Ok(false)
    }

    fn go(&mut self, place: Place) {
        self.place = place;
        self.length = 0;
    }

    fn digit(&mut self, byte: u8) -> Result<(), ChunkFault> {
        if self.length == 0 {
            self.size = 0;
        }
        self.count(SIZE_DIGITS_MAX, ChunkFault::TooLarge)?;
        let digit = char::from(byte).to_digit(16).ok_or(ChunkFault::Size)?;
        self.size = self.size << 4 | u64::from(digit);
        Ok(())
    }

    fn count(&mut self, most: usize, fault: ChunkFault) -> Result<(), ChunkFault> {
        self.length += 1;
        if self.length > most { Err(fault) } else { Ok(()) }
    }
}

/// Digits of a chunk's size: fifteen, leading zeros included, are a quarter of all that 64 bits hold.
const SIZE_DIGITS_MAX: usize = 15;

/// Bytes of a size and its extensions: nobody uses them, but to make work (CVE-2023-39326).
const EXTENSION_MAX: usize = 128;

/// Bytes of all trailers together: they are dropped.
const TRAILERS_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests;
