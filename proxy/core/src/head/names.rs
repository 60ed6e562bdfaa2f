//! Names of headers, checked.

use http::HeaderName;

use super::Refusal;

/// Names that were checked before, and patterns: a filter writes the same few in every call.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<HeaderName>,
    /// In lower case.
    patterns: Vec<Box<str>>,
}

/// A name that was checked: the position of one that is known, or another. To copy a name is dearer than
/// to find it.
#[derive(Debug, Clone)]
pub(super) enum Named {
    Known(usize),
    Other(HeaderName),
}

impl From<HeaderName> for Named {
    fn from(name: HeaderName) -> Self {
        Self::Other(name)
    }
}

impl Names {
    /// The name of a header that a filter may edit.
    ///
    /// # Errors
    ///
    /// See [`header_name`].
    pub(super) fn editable(&mut self, name: &str) -> Result<Named, Refusal> {
        if let Some(known) = self.names.iter().position(|known| known.as_str() == name) {
            return Ok(Named::Known(known));
        }
        let name = header_name(name)?;
        // A filter that makes up names should not make this long.
        if self.names.len() == KNOWN_MAX {
            return Ok(Named::Other(name));
        }
        self.names.push(name);
        Ok(Named::Known(self.names.len() - 1))
    }

    /// What is named so. Names that are known stay known, so there always is one.
    pub(super) fn get<'n>(&'n self, name: &'n Named) -> Option<&'n HeaderName> {
        match name {
            Named::Known(position) => self.names.get(*position),
            Named::Other(name) => Some(name),
        }
    }

    /// The names that are like this. `pattern` is lower case.
    ///
    /// # Errors
    ///
    /// See [`NamePattern::new`].
    pub(super) fn pattern<'a>(&mut self, pattern: &'a str) -> Result<NamePattern<'a>, Refusal> {
        if self.patterns.iter().any(|known| **known == *pattern) {
            return Ok(NamePattern::legal(pattern));
        }
        let new = NamePattern::new(pattern)?;
        if self.patterns.len() < KNOWN_MAX {
            self.patterns.push(pattern.into());
        }
        Ok(new)
    }
}

/// More names than this are no longer found faster than checked.
const KNOWN_MAX: usize = 32;

/// The name of a header that a filter may edit.
///
/// # Errors
///
/// `Malformed` where it is no token (RFC 9110 section 5.6.2), `Reserved` where it is the proxy's.
pub fn header_name(name: &str) -> Result<HeaderName, Refusal> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_illegal| Refusal::Malformed)?;
    if is_reserved(name.as_str()) { Err(Refusal::Reserved) } else { Ok(name) }
}

/// Headers that frame the message or that the proxy itself vouches for: a
/// filter that could write them could smuggle a request or forge a client.
pub const RESERVED: [&str; 16] = [
    "connection",
    "content-length",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether filters may not edit this header. The name is lower case.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Names that are like a text in which each `*` stands for any text, also none.
pub(super) struct NamePattern<'a> {
    first: &'a str,
    /// Between the first `*` and the last; without any, the text is the name.
    rest: Option<(&'a str, &'a str)>,
}

impl<'a> NamePattern<'a> {
    /// `pattern` is lower case.
    ///
    /// # Errors
    ///
    /// `Malformed` where no name could be like it.
    pub(super) fn new(pattern: &'a str) -> Result<Self, Refusal> {
        let mut pieces = pattern.split('*').filter(|piece| !piece.is_empty());
        let legal = |piece: &str| HeaderName::from_lowercase(piece.as_bytes()).is_ok();
        if pattern.is_empty() || !pieces.all(legal) {
            return Err(Refusal::Malformed);
        }
        Ok(Self::legal(pattern))
    }

    fn legal(pattern: &'a str) -> Self {
        match pattern.split_once('*') {
            Some((first, rest)) => Self { first, rest: Some(rest.rsplit_once('*').unwrap_or(("", rest))) },
            None => Self { first: pattern, rest: None },
        }
    }

    /// Each piece is taken where it is first found: with `*` as the only wildcard nothing is missed by it.
    pub(super) fn matches(&self, name: &str) -> bool {
        let Some((middle, last)) = self.rest else { return name == self.first };
        let inner = name.strip_prefix(self.first).and_then(|inner| inner.strip_suffix(last));
        let Some(mut inner) = inner else { return false };
        for piece in middle.split('*') {
            let Some((_, after)) = inner.split_once(piece) else { return false };
            inner = after;
        }
        true
    }
}
