//! A strict look at the head of a request, in one pass, as far as it has come.
//!
//! First what parsers differ in: lines, framing, and who is asked; then, of a
//! head that is whole, its names and values.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;

use crate::limits::HEAD_LINES_MAX;

/// A look at one head, which goes on where it stopped.
#[derive(Debug, Default)]
pub struct Look {
    /// Where the line that is not complete begins.
    line: usize,
    lines: usize,
    /// Empty lines before the head: some clients end a body with one too many (RFC 9112 section 2.2).
    before: usize,
    old: bool,
    connect: bool,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
    fields: Vec<Field>,
}

/// Where a header line is.
#[derive(Debug)]
struct Field {
    begin: usize,
    colon: usize,
    /// Without its carriage return.
    end: usize,
    /// Whether it says what becomes of the message, or of the connection.
    frames: bool,
}

/// A head whose end has been found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Where it begins, after empty lines, and where it ends.
    pub begin: usize,
    pub end: usize,
    pub framing: Framing,
}

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

/// Why a head is no request, or one that others may understand in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a line does not end with a carriage return and a line feed")]
    BareLineFeed,
    #[error("the request line is not a method, a target and a version")]
    RequestLine,
    #[error("the version is none of HTTP/1.1 and HTTP/1.0")]
    Version,
    #[error("a header line is folded")]
    Folded,
    #[error("a header line has no name and colon")]
    NoColon,
    #[error("there is a space before a colon")]
    SpaceBeforeColon,
    #[error("`host` is missing")]
    NoHost,
    #[error("there is more than one `host`")]
    SeveralHosts,
    #[error("`host` is none")]
    Host,
    #[error("there is more than one `content-length`")]
    SeveralLengths,
    #[error("`content-length` is no number")]
    Length,
    #[error("there is a `transfer-encoding` beside a `content-length`")]
    LengthAndCoding,
    #[error("there is a `transfer-encoding`, in HTTP/1.0")]
    CodingInOld,
    #[error("`transfer-encoding` is not `chunked`, once, at the end")]
    Coding,
    #[error("a transfer coding other than `chunked`")]
    UnknownCoding,
    #[error("too many empty lines")]
    EmptyLines,
    #[error("too many header lines")]
    Lines,
    #[error("the name of a header is none")]
    Name,
    #[error("the value of a header has a control character")]
    Value,
}

impl Fault {
    /// What the client is told.
    pub fn status(self) -> u16 {
        match self {
            Self::Version => 505,
            Self::UnknownCoding => 501,
            Self::Lines => 431,
            Self::BareLineFeed
            | Self::RequestLine
            | Self::Folded
            | Self::NoColon
            | Self::SpaceBeforeColon
            | Self::NoHost
            | Self::SeveralHosts
            | Self::Host
            | Self::SeveralLengths
            | Self::Length
            | Self::LengthAndCoding
            | Self::CodingInOld
            | Self::Coding
            | Self::EmptyLines
            | Self::Name
            | Self::Value => 400,
        }
    }
}

impl Look {
    /// Looks at what has come of the head so far: always from its first byte. `None` if its end has not come yet.
    ///
    /// # Errors
    ///
    /// Where it can be no request, or might be taken for two different ones.
    pub fn at(&mut self, bytes: &[u8]) -> Result<Option<Head>, Fault> {
        while let Some(rest) = bytes.get(self.line..)
            && let Some(length) = memchr(b'\n', rest)
        {
            let line =
                rest.get(..length).unwrap_or_default().strip_suffix(b"\r").ok_or(Fault::BareLineFeed)?;
            let begin = self.line;
            self.line += length + 1;
            if !line.is_empty() {
                self.line(line, begin)?;
            } else if self.lines > 0 {
                return self.end().map(Some);
            } else {
                self.before = self.line;
                if self.before > EMPTY_MAX {
                    return Err(Fault::EmptyLines);
                }
            }
        }
        Ok(None)
    }

    /// Whether the request line has been seen.
    pub fn has_begun(&self) -> bool {
        self.lines > 0
    }

    /// Takes a head apart that was found, from the first of the bytes that were looked at to its own last: into all its
    /// header lines, and a head that says the same to whoever frames messages, and nothing else.
    ///
    /// # Errors
    ///
    /// Where a header has no legal name or value.
    pub fn take_apart(&self, head: &Bytes) -> Result<(HeaderMap, Vec<u8>), Fault> {
        let piece = |from: usize, to: usize| head.get(from..to).unwrap_or_default();
        let mut headers = HeaderMap::with_capacity(self.fields.len() + LINES_ADDED);
        let mut framing = Vec::with_capacity(FRAMING_USUAL);
        framing.extend_from_slice(piece(
            self.before,
            self.fields.first().map_or(head.len(), |field| field.begin),
        ));
        for Field { begin, colon, end, frames } in &self.fields {
            let name = HeaderName::from_bytes(piece(*begin, *colon)).map_err(|_illegal| Fault::Name)?;
            let value = head.slice_ref(trimmed(piece(colon + 1, *end)));
            let value = HeaderValue::from_maybe_shared(value).map_err(|_illegal| Fault::Value)?;
            headers.try_append(name, value).map_err(|_full| Fault::Lines)?;
            if *frames {
                framing.extend_from_slice(piece(*begin, end + 2));
            }
        }
        if !self.fields.is_empty() {
            framing.extend_from_slice(b"\r\n");
        }
        Ok((headers, framing))
    }

    fn line(&mut self, line: &[u8], begin: usize) -> Result<(), Fault> {
        self.lines += 1;
        if self.lines == 1 { self.request_line(line) } else { self.field(line, begin) }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let method_end = memchr(b' ', line).ok_or(Fault::RequestLine)?;
        let (method, rest) = line.split_at_checked(method_end).ok_or(Fault::RequestLine)?;
        let rest = rest.get(1..).unwrap_or_default();
        let target_end = memchr(b' ', rest).ok_or(Fault::RequestLine)?;
        let (target, version) = rest.split_at_checked(target_end).ok_or(Fault::RequestLine)?;
        // Control bytes in it are what log lines and origins stumble over.
        let graphic = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        if method.is_empty() || target.is_empty() || !method.iter().chain(target).all(graphic) {
            return Err(Fault::RequestLine);
        }
        match version {
            b" HTTP/1.1" => {}
            b" HTTP/1.0" => self.old = true,
            [b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(Fault::Version);
            }
            _ => return Err(Fault::RequestLine),
        }
        self.connect = method == b"CONNECT";
        Ok(())
    }

    fn field(&mut self, line: &[u8], begin: usize) -> Result<(), Fault> {
        if let [b' ' | b'\t', ..] = line {
            return Err(Fault::Folded);
        }
        let colon = memchr(b':', line).filter(|at| *at > 0).ok_or(Fault::NoColon)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Fault::NoColon)?;
        if let [.., b' ' | b'\t'] = name {
            return Err(Fault::SpaceBeforeColon);
        }
        let value = || trimmed(value.get(1..).unwrap_or_default());
        let frames = match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value()).map(|()| true),
            7 => Ok(name.eq_ignore_ascii_case(b"upgrade")),
            10 => Ok(name.eq_ignore_ascii_case(b"connection")),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value()).map(|()| true),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(value()).map(|()| true),
            _ => Ok(false),
        }?;
        if self.fields.len() == HEAD_LINES_MAX {
            return Err(Fault::Lines);
        }
        if self.fields.is_empty() {
            self.fields.reserve(LINES_USUAL);
        }
        self.fields.push(Field { begin, colon: begin + colon, end: begin + line.len(), frames });
        Ok(())
    }

    /// RFC 9112 section 3.2. A comma may be in a name by the letter of RFC 3986; but it is how two lines are joined.
    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.hosts += 1;
        if self.hosts > 1 {
            return Err(Fault::SeveralHosts);
        }
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(byte);
        if value.iter().all(part) { Ok(()) } else { Err(Fault::Host) }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.length.is_some() {
            return Err(Fault::SeveralLengths);
        }
        // `parse` takes a sign, too.
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| digits).ok_or(Fault::Length)?;
        self.length = Some(text.parse().map_err(|_too_large| Fault::Length)?);
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Fault> {
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        if self.chunked {
            return Err(Fault::Coding);
        }
        if is_chunked(value) {
            self.chunked = true;
            return Ok(());
        }
        let codings: Vec<_> = value.split(|byte| *byte == b',').map(trimmed).collect();
        let once = codings.iter().filter(|coding| is_chunked(coding)).count() == 1;
        let at_the_end = codings.last().is_some_and(|coding| is_chunked(coding));
        Err(if once && at_the_end { Fault::UnknownCoding } else { Fault::Coding })
    }

    fn end(&self) -> Result<Head, Fault> {
        if self.hosts == 0 && !self.old {
            return Err(Fault::NoHost);
        }
        let framing = match (self.chunked, self.length) {
            (true, _) if self.old => return Err(Fault::CodingInOld),
            (true, Some(_)) => return Err(Fault::LengthAndCoding),
            (true, None) => Framing::Chunked,
            // What follows it is no body (RFC 9110 section 9.3.6); it is refused behind us.
            (false, _) if self.connect => Framing::Length(0),
            (false, length) => Framing::Length(length.unwrap_or(0)),
        };
        Ok(Head { begin: self.before, end: self.line, framing })
    }
}

/// As many lines as most browsers send.
const LINES_USUAL: usize = 24;
/// As many as the edge may add to them.
const LINES_ADDED: usize = 8;
/// What a head takes that frames and says nothing else, as a rule.
const FRAMING_USUAL: usize = 256;
/// As many bytes of empty lines as are passed over before a head.
const EMPTY_MAX: usize = 8;

/// Without the spaces and tabs around it (RFC 9110 section 5.5).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
