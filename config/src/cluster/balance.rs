//! How the endpoint to ask is chosen, as written.

use std::fmt;
use std::str::FromStr;

use edgeloom_core::cluster::{Balance, Cookie, Key};
use http::HeaderName;

use crate::limits::MaxAge;
use crate::problem::{Problem, Problems};
use crate::tree::At;
use crate::written::{OneOf, meant, section, texts, words};

section! {
    /// How the endpoint to ask is chosen: one of the two fields. Short forms: `round-robin` and `least-request`.
    Choice = "balance" {
        /// What sends a request to the same endpoint again: `client` (its address), `header:` and a name, or `cookie:` and a name. When an endpoint comes or goes, only its own share moves. Requests without that header or cookie take turns.
        hash: Option<HashKey> = None,
        /// Keeps a client at the endpoint that answered it first, by a cookie of the edge's own.
        sticky: Option<Sticky> = None,
    }
}

section! {
    /// A cookie that names an endpoint. It is the client's to send, and survives reloads and restarts for as long as the endpoint is in the list; when that is gone or unwell, another answers and is named from then on. Its value is a hash of the endpoint's address.
    Sticky = "sticky" {
        /// The name of the cookie. The edge sets it with `Path=/`, `HttpOnly`, `SameSite=Lax` and, where the client came by TLS, `Secure`.
        cookie: CookieName,
        /// How long clients keep it. By default as long as the browser's session.
        max_age: Option<MaxAge> = None,
    }
}

/// The ways to choose that need no more than a word.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    RoundRobin,
    LeastRequest,
}

words! {
    Way = "`round-robin` or `least-request`" or "a map, such as `{ hash: client }`" {
        "round-robin" => Way::RoundRobin,
        "least-request" => Way::LeastRequest,
    }
}

pub(crate) type Written = OneOf<Way, Choice>;

pub(super) fn resolve(raw: At<Written>, problems: &mut Problems) -> Option<Balance> {
    let choice = match raw.value {
        OneOf::Short(Way::RoundRobin) => return Some(Balance::RoundRobin),
        OneOf::Short(Way::LeastRequest) => return Some(Balance::LeastRequest),
        OneOf::Full(choice) => choice,
    };
    match (choice.hash?.value, choice.sticky?.value) {
        (Some(key), None) => Some(Balance::Hash(key.0)),
        (None, Some(sticky)) => Some(Balance::Sticky(Cookie {
            name: sticky.cookie?.value.0,
            max_age: sticky.max_age?.value.map(|age| age.0),
        })),
        (Some(_), Some(_)) | (None, None) => {
            problems.push(raw.span, Problem::NotOne { section: "balance", fields: &["hash", "sticky"] });
            None
        }
    }
}

pub(super) fn write(balance: &Balance) -> Written {
    let full = |hash, sticky| OneOf::Full(Choice { hash: meant(hash), sticky: meant(sticky) });
    match balance {
        Balance::RoundRobin => OneOf::Short(Way::RoundRobin),
        Balance::LeastRequest => OneOf::Short(Way::LeastRequest),
        Balance::Hash(key) => full(Some(HashKey(key.clone())), None),
        Balance::Sticky(Cookie { name, max_age }) => full(
            None,
            Some(Sticky { cookie: meant(CookieName(name.clone())), max_age: meant(max_age.map(MaxAge)) }),
        ),
    }
}

/// [`Key`], as written.
#[derive(Debug)]
pub(crate) struct HashKey(Key);

impl FromStr for HashKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let header = text.strip_prefix("header:").map(|name| name.parse::<HeaderName>());
        let cookie = text.strip_prefix("cookie:").map(|name| name.parse::<CookieName>());
        match (text, header, cookie) {
            ("client", ..) => Ok(Self(Key::Client)),
            (_, Some(Ok(name)), _) => Ok(Self(Key::Header(name))),
            (_, _, Some(Ok(name))) => Ok(Self(Key::Cookie(name.0))),
            (_, Some(Err(_)), _) | (_, _, Some(Err(_))) => Err("a name follows, such as in `header:x-user`"),
            _ => Err("write `client`, `header:` and a name, or `cookie:` and a name"),
        }
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Client => f.write_str("client"),
            Key::Header(name) => write!(f, "header:{name}"),
            Key::Cookie(name) => write!(f, "cookie:{name}"),
        }
    }
}

/// A name that a cookie may have: a token (RFC 6265 section 4.1.1).
#[derive(Debug)]
pub(crate) struct CookieName(Box<str>);

impl FromStr for CookieName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(token);
        if fits { Ok(Self(text.into())) } else { Err("up to 64 letters, digits, `-`, `_` and `.`") }
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    HashKey = "what a request has in common with others" like "header:x-user" matching "^(client|(header|cookie):.+)$";
    CookieName = "a cookie's name" like "shop-node";
}
