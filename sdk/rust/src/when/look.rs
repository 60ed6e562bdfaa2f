use std::borrow::Cow;
use std::net::IpAddr;

use super::Seed;
use crate::request::cookie;
use crate::{HeaderName, Request, Settings};

/// One thing to be known of a request, by the name that operators write.
///
/// | name | is |
/// |---|---|
/// | `client.ip` | the client's address |
/// | `client.network` | the same for IPv4; the first 64 bits of IPv6, because devices change the others daily |
/// | `client.scheme` | `https` or `http`, as the client speaks it |
/// | `request.id` | the exchange's identifier, as in the access log |
/// | `request.method`, `.host`, `.path`, `.query` | as they came; the host in lower case, without the port |
/// | `request.target` | path and query |
/// | `header.NAME` | the first value of a header |
/// | `cookie.NAME`, `query.NAME` | a cookie; a parameter of the query |
/// | `fact.NAME`, also `geo.…`, `ab.…`, `route.…` | what an earlier filter found out |
#[derive(Debug, Clone, PartialEq, Eq, Settings)]
#[settings(from = String)]
#[non_exhaustive]
pub enum Source {
    /// The client's address.
    ClientIp,
    /// The client's address; of an IPv6 address the first 64 bits.
    ClientNetwork,
    /// `https` or `http`.
    ClientScheme,
    /// The exchange's identifier.
    Id,
    /// `GET`, `POST`, …
    Method,
    /// The host asked for.
    Host,
    /// The path, percent-encoded as it came.
    Path,
    /// The whole query.
    Query,
    /// Path and query.
    Target,
    /// The first value of this header.
    Header(HeaderName),
    /// The value of this cookie.
    Cookie(Cow<'static, str>),
    /// The value of this parameter of the query, decoded.
    Parameter(Cow<'static, str>),
    /// What an earlier filter left under this name.
    Fact(Cow<'static, str>),
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Ok(match name.split_once('.') {
            Some(("client", "ip")) => Self::ClientIp,
            Some(("client", "network")) => Self::ClientNetwork,
            Some(("client", "scheme")) => Self::ClientScheme,
            Some(("request", "id")) => Self::Id,
            Some(("request", "method")) => Self::Method,
            Some(("request", "host")) => Self::Host,
            Some(("request", "path")) => Self::Path,
            Some(("request", "query")) => Self::Query,
            Some(("request", "target")) => Self::Target,
            Some(("header", header)) => match HeaderName::new(header) {
                Ok(header) => Self::Header(header),
                Err(error) => return Err(["`", header, "` is ", &error.to_string()].concat()),
            },
            Some(("cookie", cookie)) if !cookie.is_empty() => Self::Cookie(cookie.to_owned().into()),
            Some(("query", parameter)) if !parameter.is_empty() => {
                Self::Parameter(parameter.to_owned().into())
            }
            Some(("fact", fact)) if !fact.is_empty() => Self::Fact(fact.to_owned().into()),
            Some(("geo" | "ab" | "route", fact)) if !fact.is_empty() => Self::Fact(name.into()),
            Some(_) | None => {
                return Err(["nothing is called `", &name, "`; there are ", KNOWN].concat());
            }
        })
    }
}

const KNOWN: &str = "client.ip, client.network, client.scheme, request.id, request.method, request.host, request.path, \
    request.query, request.target, header.NAME, cookie.NAME, query.NAME, fact.NAME, geo.NAME, ab.NAME and route.NAME";

/// A request that is looked at more than once: what the proxy was asked is kept.
#[derive(Debug)]
pub struct Look<'r> {
    request: &'r Request,
    seen: Vec<(&'r Source, Option<Vec<u8>>)>,
}

impl<'r> Look<'r> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn at(request: &'r Request) -> Self {
        Self { request, seen: Vec::with_capacity(USUAL) }
    }

    /// What this request has there.
    #[must_use]
    pub fn value(&mut self, source: &'r Source) -> Option<Cow<'_, [u8]>> {
        match source {
            Source::Cookie(name) => {
                self.whole(&COOKIES).and_then(|line| cookie(line, name.as_bytes())).map(Cow::Borrowed)
            }
            Source::Parameter(name) => self.whole(&Source::Query).and_then(|query| parameter(query, name)),
            whole => self.whole(whole).map(Cow::Borrowed),
        }
    }

    /// The same, where it is text.
    #[must_use]
    pub fn text(&mut self, source: &'r Source) -> Option<Cow<'_, str>> {
        match self.value(source)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// Where the visitor falls who is known by the first of these that the request has; `None` where
    /// it has none of them.
    #[must_use]
    pub fn bucket(&mut self, seed: Seed, visitor: &'r [Source]) -> Option<f64> {
        visitor.iter().find_map(|source| {
            let value = self.value(source).filter(|value| !value.is_empty())?;
            Some(seed.bucket(&value))
        })
    }

    fn whole(&mut self, source: &'r Source) -> Option<&[u8]> {
        let at = self
            .seen
            .iter()
            .position(|(known, _)| std::ptr::eq(*known, source) || *known == source)
            .unwrap_or_else(|| {
                self.seen.push((source, ask(self.request, source)));
                self.seen.len() - 1
            });
        self.seen.get(at)?.1.as_deref()
    }
}

/// Few filters look at more.
const USUAL: usize = 4;

static COOKIES: Source = Source::Header(HeaderName::from_static("cookie"));

fn ask(request: &Request, source: &Source) -> Option<Vec<u8>> {
    match source {
        Source::ClientIp => Some(text(request.client().address)),
        Source::ClientNetwork => Some(text(network(request.client().address))),
        Source::ClientScheme => Some(if request.client().secure { "https" } else { "http" }.into()),
        Source::Id => Some(request.id().into()),
        Source::Method => Some(request.method().into()),
        Source::Host => Some(request.host().into()),
        Source::Path => Some(request.path().into()),
        Source::Query | Source::Parameter(_) => request.query().map(Into::into),
        Source::Target => Some(request.target().into()),
        Source::Header(name) => request.header(name),
        Source::Cookie(_) => request.header("cookie"),
        Source::Fact(name) => request.fact(name).map(Into::into),
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// The first parameter of this name. A query is not always text: what is no escape stays as it is.
fn parameter<'q>(query: &'q [u8], name: &str) -> Option<Cow<'q, [u8]>> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (found, value) = pair.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        (*decoded(found) == *name.as_bytes()).then(|| decoded(value))
    })
}

/// As forms encode it: `+` is a space, `%XX` a byte.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text;
    while let [byte, rest @ ..] = left {
        left = rest;
        bytes.push(match (byte, rest) {
            (b'+', _) => b' ',
            (b'%', [high, low, rest @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    left = rest;
                    high << 4 | low
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        });
    }
    Cow::Owned(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// As `Display` has it; for IPv4 without the formatting machinery, which would be a tenth of what the guests of a
/// common chain do.
fn text(address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(address) = address else { return address.to_string().into() };
    let mut text = Vec::with_capacity("255.255.255.255".len());
    for (position, octet) in address.octets().into_iter().enumerate() {
        if position > 0 {
            text.push(b'.');
        }
        if octet >= 100 {
            text.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            text.push(b'0' + octet / 10 % 10);
        }
        text.push(b'0' + octet % 10);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_read_as_display_has_them(address: IpAddr) {
            prop_assert_eq!(text(address), address.to_string().into_bytes());
        }
    }
}
