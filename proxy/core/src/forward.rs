//! What the edge says of a request to those behind it: who asked, how, and under which names it is known.
//!
//! A client may say none of this of itself. What a trusted peer says of it is
//! kept, added to or replaced, as the operator wants.

use std::net::IpAddr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue};

use crate::client::{self, Client, Trust};
use crate::limits::REQUEST_ID_MAX;
use crate::survey::{Asked, Survey};
pub use trace::{Continued, Trace};

mod text;
mod trace;
#[cfg(test)]
mod tests;

/// What a listener says of its requests. The default is what most origins expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarding {
    pub x_forwarded_for: Listed,
    pub x_forwarded_proto: Single,
    pub x_forwarded_host: Single,
    pub x_forwarded_port: Single,
    /// RFC 7239. `None`: added to where a trusted peer has sent it, else left out.
    pub forwarded: Option<Listed>,
    pub request_id: RequestId,
    pub traceparent: Continued,
}

/// A header that lists who passed a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// The peer is added to what a trusted peer says.
    Append,
    /// What a trusted peer says stands; where it says nothing, the peer is named.
    Set,
    /// It names the client that was established, and nobody else.
    Replace,
    /// It is not sent.
    Off,
}

/// A header that says one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Single {
    /// What a trusted peer says stands; where it says nothing, what the edge sees is said.
    Set,
    /// What the edge has established is said.
    Replace,
    /// It is not sent.
    Off,
}

/// Where the identifier of an exchange comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// From a trusted peer; made where that gave none.
    Pass,
    /// It is made.
    Make,
    /// It is made for the log, and not sent.
    Off,
}

impl Forwarding {
    pub const DEFAULT: Self = Self {
        x_forwarded_for: Listed::Append,
        x_forwarded_proto: Single::Set,
        x_forwarded_host: Single::Set,
        x_forwarded_port: Single::Set,
        forwarded: None,
        request_id: RequestId::Pass,
        traceparent: Continued::Untouched,
    };
}

impl Default for Forwarding {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What was established of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    pub client: Client,
    /// The identifier of the exchange.
    pub id: Box<str>,
    /// The edge's span, where it takes part in traces. Boxed: mostly there is none.
    pub trace: Option<Box<Trace>>,
}

/// Replaces what the client says of itself by what the edge knows, unless a trusted peer says it.
///
/// `sent` is what the head has in it; `peer` is who is connected, by its canonical address; `port` is the one that it is connected to, if it is one.
/// `draw` gives random numbers.
pub fn vouch(
    headers: &mut HeaderMap,
    sent: Survey,
    peer: Client,
    trust: &Trust,
    forwarding: &Forwarding,
    port: Option<&HeaderValue>,
    mut draw: impl FnMut() -> u64,
) -> Vouched {
    let trusted = trust.trusts(peer.address);
    let client = if trusted && sent.has(OF_CLIENT) { client::identify(peer, headers, trust) } else { peer };
    if !trusted && sent.has(Asked::A_PROXYS) {
        strip(headers);
    }
    // Of a stranger's nothing is left.
    let sent = |header| trusted && sent.has(header);
    // Else the map might grow with one of them, and with another again.
    headers.reserve(OURS);
    let id = identify(headers, forwarding.request_id, sent(Asked::X_REQUEST_ID), &mut draw);
    let trace = trace::take_part(headers, forwarding.traceparent, trusted, &mut draw);
    list_address(headers, forwarding.x_forwarded_for, sent(Asked::X_FORWARDED_FOR), peer, client);
    list_element(headers, forwarding.forwarded, sent(Asked::FORWARDED), peer, client);
    let proto = sent(Asked::X_FORWARDED_PROTO);
    say(headers, X_FORWARDED_PROTO, forwarding.x_forwarded_proto, proto, |manner| {
        let secure = if manner == Single::Replace { client.secure } else { peer.secure };
        Some(HeaderValue::from_static(scheme(secure)))
    });
    let host = headers.get(HOST).cloned();
    say(headers, X_FORWARDED_HOST, forwarding.x_forwarded_host, sent(Asked::X_FORWARDED_HOST), |_| host);
    say(headers, X_FORWARDED_PORT, forwarding.x_forwarded_port, sent(Asked::X_FORWARDED_PORT), |manner| {
        // A peer that speaks of the client's own connection, and not of its port, does not mean ours.
        if (proto || sent(Asked::X_FORWARDED_HOST)) && manner == Single::Set { None } else { port.cloned() }
    });
    Vouched { client, id, trace }
}

/// Whether only a proxy before the edge may send this header; of strangers it is removed.
///
/// Origins that follow CGI (RFC 3875) take `_` in a name for `-`.
pub fn is_a_proxys(name: &str) -> bool {
    let mut bytes = name.bytes().map(|byte| if byte == b'_' { b'-' } else { byte });
    match name.len() {
        9 => bytes.eq(FORWARDED.as_str().bytes()),
        12 if !name.starts_with(X_FORWARDED) => bytes.eq(X_REQUEST_ID.as_str().bytes()),
        _ => X_FORWARDED.bytes().all(|byte| bytes.next() == Some(byte)),
    }
}

fn strip(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_a_proxys(name.as_str())).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

fn identify(
    headers: &mut HeaderMap,
    manner: RequestId,
    sent: bool,
    draw: &mut impl FnMut() -> u64,
) -> Box<str> {
    if manner == RequestId::Pass
        && sent
        && let Some(id) = taken_over(headers)
    {
        return id;
    }
    let digits = fresh_digits(draw);
    if manner == RequestId::Off {
        headers.remove(X_REQUEST_ID);
    } else if let Ok(value) = HeaderValue::from_bytes(&digits) {
        headers.insert(X_REQUEST_ID, value);
    }
    text::of(&digits).into()
}

/// An identifier for an exchange whose head nothing was read of.
pub fn fresh_id(mut draw: impl FnMut() -> u64) -> Box<str> {
    text::of(&fresh_digits(&mut draw)).into()
}

/// 128 random bits: unique, not secret.
fn fresh_digits(draw: &mut impl FnMut() -> u64) -> [u8; 32] {
    text::hexadecimal(u128::from(draw()) << 64 | u128::from(draw()))
}

/// The identifier that a trusted proxy gave the exchange, if it is fit for a log line.
fn taken_over(headers: &HeaderMap) -> Option<Box<str>> {
    let mut sent = headers.get_all(X_REQUEST_ID).iter();
    let (Some(id), None) = (sent.next(), sent.next()) else {
        return None;
    };
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let id = id.to_str().ok()?;
    let fit = !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.as_bytes().iter().all(sane);
    fit.then(|| id.into())
}

fn list_address(headers: &mut HeaderMap, manner: Listed, sent: bool, peer: Client, client: Client) {
    let address = match manner {
        Listed::Append | Listed::Set => peer.address,
        Listed::Replace => client.address,
        Listed::Off => return drop(headers.remove(X_FORWARDED_FOR)),
    };
    if manner == Listed::Set && sent {
        return;
    }
    let address = text::Address::of(address);
    if manner == Listed::Append && sent {
        append(headers, X_FORWARDED_FOR, address.as_bytes());
    } else if let Ok(value) = HeaderValue::from_bytes(address.as_bytes()) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

fn list_element(headers: &mut HeaderMap, manner: Option<Listed>, sent: bool, peer: Client, client: Client) {
    let of = match manner {
        None if !sent => return,
        Some(Listed::Set) if sent => return,
        Some(Listed::Off) => return drop(headers.remove(FORWARDED)),
        None | Some(Listed::Append | Listed::Set) => peer,
        Some(Listed::Replace) => {
            headers.remove(FORWARDED);
            client
        }
    };
    let element = element(of, headers.get(HOST));
    append(headers, FORWARDED, &element);
}

/// An element of `Forwarded` (RFC 7239 section 4).
fn element(of: Client, host: Option<&HeaderValue>) -> Vec<u8> {
    let mut element = match of.address {
        IpAddr::V4(address) => format!("for={address}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\""),
    }
    .into_bytes();
    if let Some(host) = host {
        // Quoted: a port's colon is not a token's.
        element.extend_from_slice(b";host=\"");
        for byte in host.as_bytes() {
            if matches!(byte, b'"' | b'\\') {
                element.push(b'\\');
            }
            element.push(*byte);
        }
        element.push(b'"');
    }
    element.extend_from_slice(b";proto=");
    element.extend_from_slice(scheme(of.secure).as_bytes());
    element
}

fn say(
    headers: &mut HeaderMap,
    name: HeaderName,
    manner: Single,
    sent: bool,
    ours: impl FnOnce(Single) -> Option<HeaderValue>,
) {
    if manner == Single::Set && sent {
        return;
    }
    let value = if manner == Single::Off { None } else { ours(manner) };
    match value {
        Some(value) => drop(headers.insert(name, value)),
        None if sent => drop(headers.remove(name)),
        None => {}
    }
}

/// Adds an element to a list header, and makes one line of the lines there are.
fn append(headers: &mut HeaderMap, name: HeaderName, element: &[u8]) {
    let lines = headers.get_all(&name);
    let before: usize = lines.iter().map(|line| line.len() + 2).sum();
    let mut list = Vec::with_capacity(before + element.len());
    for line in lines {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element);
    if let Ok(list) = HeaderValue::from_maybe_shared(bytes::Bytes::from(list)) {
        headers.insert(name, list);
    }
}

fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

/// What a trusted peer may say the client by.
const OF_CLIENT: Asked = Asked::FORWARDED.or(Asked::X_FORWARDED_FOR).or(Asked::X_FORWARDED_PROTO);
/// How many lines may be added: the four `x-forwarded-…`, `forwarded`, `x-request-id` and `traceparent`.
const OURS: usize = 7;
const X_FORWARDED: &str = "x-forwarded-";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
