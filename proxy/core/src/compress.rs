//! Whether a response is compressed on its way to the client, and how.

use std::fmt;
use std::str::FromStr;

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, HeaderValue, TRAILER, VARY,
};
use http::{Method, StatusCode, Version};

use crate::accept;

#[cfg(test)]
mod tests;

/// What an operator wants compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compression {
    /// One of these.
    pub types: Vec<MediaPattern>,
    /// Shorter responses are left alone.
    pub least: u64,
    /// How hard each coding tries; 0 leaves it out.
    pub zstd: u32,
    pub br: u32,
    pub gzip: u32,
}

/// A coding of content, and how hard it is to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Zstd(u32),
    Brotli(u32),
    Gzip(u32),
}

/// What of a request counts.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    pub version: Version,
    pub headers: &'a HeaderMap,
}

impl Compression {
    /// Says in the head of a response how it is compressed; what a cache must know of that stands there, too, where
    /// it is not. `None` where the body is to be left alone.
    ///
    /// Whoever frames the message says how it ends: the length is taken out.
    pub fn settle(&self, asked: Asked<'_>, status: StatusCode, response: &mut HeaderMap) -> Option<Coding> {
        if !self.is_for(status, response) {
            return None;
        }
        vary(response);
        // HTTP/1.0 has no bodies in chunks, and nobody knows how long this one will be.
        if asked.method == Method::HEAD || asked.version < Version::HTTP_11 {
            return None;
        }
        let coding = self.choose(asked.headers)?;
        response.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        response.remove(CONTENT_LENGTH);
        // Ranges would be of other bytes, and so would what a strong tag stands for.
        response.remove(ACCEPT_RANGES);
        weaken(response);
        Some(coding)
    }

    fn is_for(&self, status: StatusCode, response: &HeaderMap) -> bool {
        let has_whole_body = !status.is_informational()
            && !matches!(
                status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
            );
        // Digests are of the bytes that the origin sends; trailers would have nowhere to go.
        let is_fixed =
            [CONTENT_ENCODING, CONTENT_RANGE, TRAILER, CONTENT_DIGEST, REPR_DIGEST, DIGEST, CONTENT_MD5]
                .iter()
                .any(|name| response.contains_key(name));
        let forbidden = list(response, &CACHE_CONTROL).any(|word| word.eq_ignore_ascii_case("no-transform"));
        has_whole_body
            && !is_fixed
            && !forbidden
            && self.is_large_enough(response)
            && self.is_of_type(response)
    }

    fn is_large_enough(&self, response: &HeaderMap) -> bool {
        let length =
            response.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        length.is_none_or(|length| length >= self.least)
    }

    fn is_of_type(&self, response: &HeaderMap) -> bool {
        let Some(kind) = response.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) else {
            return false;
        };
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // Each event must arrive when it is sent; and gRPC compresses its messages itself.
        let is_let_be = kind == "text/event-stream" || kind.starts_with("application/grpc");
        !is_let_be && self.types.iter().any(|pattern| pattern.matches(&kind))
    }

    /// What the client wants most; of what it wants as much, what is smallest for the same work.
    fn choose(&self, request: &HeaderMap) -> Option<Coding> {
        let [zstd, br, gzip, identity] = accept::codings(request, ["zstd", "br", "gzip", "identity"]);
        let offers =
            [(gzip, Coding::Gzip(self.gzip)), (br, Coding::Brotli(self.br)), (zstd, Coding::Zstd(self.zstd))];
        let offers = offers.into_iter().filter(|(wanted, coding)| *wanted > 0 && coding.level() > 0);
        // Of several that are wanted most, `max_by_key` takes the last.
        let (wanted, coding) = offers.max_by_key(|(wanted, _)| *wanted)?;
        (wanted >= identity).then_some(coding)
    }
}

impl Coding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd(_) => "zstd",
            Self::Brotli(_) => "br",
            Self::Gzip(_) => "gzip",
        }
    }

    fn level(self) -> u32 {
        match self {
            Self::Zstd(level) | Self::Brotli(level) | Self::Gzip(level) => level,
        }
    }
}

/// Says that the response depends on what the client accepts.
fn vary(response: &mut HeaderMap) {
    let said = list(response, &VARY).any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"));
    if !said {
        response.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// The tag stands for the same content, no longer for the same bytes (RFC 9110 section 8.8.1).
fn weaken(response: &mut HeaderMap) {
    let Some(tag) = response.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")) else {
        return;
    };
    match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        Ok(weak) => drop(response.insert(ETAG, weak)),
        Err(_illegal) => drop(response.remove(ETAG)),
    }
}

/// The elements of a list header.
fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|element| element.trim_matches([' ', '\t']))
}

/// A media type, or several: one `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPattern {
    first: String,
    /// What stands behind the `*`, where there is one.
    last: Option<String>,
}

/// A text that is no media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a media type, such as `text/html`, `text/*` or `application/*+json`")]
pub struct NotAMediaType;

impl MediaPattern {
    /// `kind` is lower case, without parameters.
    fn matches(&self, kind: &str) -> bool {
        match &self.last {
            None => kind == self.first,
            Some(last) => kind.strip_prefix(&*self.first).is_some_and(|rest| rest.ends_with(&**last)),
        }
    }
}

impl FromStr for MediaPattern {
    type Err = NotAMediaType;

    fn from_str(text: &str) -> Result<Self, NotAMediaType> {
        let text = text.to_ascii_lowercase();
        let legal = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-*".contains(&byte))
        };
        let (kind, of_it) = text.split_once('/').ok_or(NotAMediaType)?;
        if !legal(kind) || !legal(of_it) || kind.contains('*') || of_it.matches('*').count() > 1 {
            return Err(NotAMediaType);
        }
        Ok(match text.split_once('*') {
            Some((first, last)) => Self { first: first.to_owned(), last: Some(last.to_owned()) },
            None => Self { first: text, last: None },
        })
    }
}

impl fmt::Display for MediaPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            None => f.write_str(&self.first),
            Some(last) => write!(f, "{}*{last}", self.first),
        }
    }
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const DIGEST: HeaderName = HeaderName::from_static("digest");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
