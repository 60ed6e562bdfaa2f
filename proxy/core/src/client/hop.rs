//! One element of a forwarding header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom a proxy says it was asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    /// `None` where the proxy does not say.
    pub(super) address: Option<IpAddr>,
    /// Whether the proxy was asked over an encrypted connection, where it says.
    pub(super) secure: Option<bool>,
}

/// The element breaks the grammar of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The elements of a comma-separated list, last first, without the empty ones.
///
/// Quoted strings are found from the right, too: the right end is what trusted
/// proxies wrote, and a quote that a client opens and never closes must not
/// swallow it. That is unambiguous: inside a quoted string a quote has an odd
/// number of backslashes before it, at either end an even one.
pub(super) fn elements_from_the_right(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let (before, last) = split_last_element(rest?);
        rest = before;
        Some(last.trim_ascii())
    })
    .filter(|element| !element.is_empty())
}

fn split_last_element(list: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    for (at, byte) in list.iter().enumerate().rev() {
        let (before, from_here) = list.split_at(at);
        match byte {
            b'"' if !is_escaped(before) => quoted = !quoted,
            b',' if !quoted => return (Some(before), from_here.get(1..).unwrap_or_default()),
            _ => {}
        }
    }
    (None, list)
}

fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    !backslashes.count().is_multiple_of(2)
}

/// An element of `X-Forwarded-For`: an address, perhaps with a port, or `unknown`.
pub(super) fn x_forwarded_for(element: &[u8]) -> Result<Hop, Malformed> {
    let address = node(text(element)?)?;
    Ok(Hop { address, secure: None })
}

/// An element of `Forwarded` (RFC 7239 section 4).
///
/// Escapes in the values that matter here are refused: no address needs one.
pub(super) fn forwarded(element: &[u8]) -> Result<Hop, Malformed> {
    let (mut address, mut secure) = (None, None);
    for pair in Pairs(text(element)?).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Malformed)?;
        if name.eq_ignore_ascii_case("for") {
            if address.replace(node(unquoted(value)?)?).is_some() {
                return Err(Malformed);
            }
        } else if name.eq_ignore_ascii_case("proto") {
            secure = is_secure(unquoted(value)?);
        }
    }
    Ok(Hop { address: address.flatten(), secure })
}

/// Whether this is the name of a protocol that is encrypted, or of one that is not.
pub(super) fn is_secure(proto: &str) -> Option<bool> {
    match proto.trim_ascii() {
        proto if proto.eq_ignore_ascii_case("https") => Some(true),
        proto if proto.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

/// The semicolon-separated pairs of an element, from the left.
struct Pairs<'a>(&'a str);

impl<'a> Iterator for Pairs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = self.0.bytes().enumerate().find(|&(at, byte)| {
            let before = self.0.as_bytes().get(..at).unwrap_or_default();
            quoted ^= byte == b'"' && !is_escaped(before);
            byte == b';' && !quoted
        });
        let (pair, rest) = end.and_then(|(at, _)| self.0.split_at_checked(at)).unwrap_or((self.0, ""));
        self.0 = rest.strip_prefix(';').unwrap_or_default();
        Some(pair.trim_ascii())
    }
}

fn unquoted(value: &str) -> Result<&str, Malformed> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or(Malformed)?,
        None => value,
    };
    if inner.contains(['"', '\\']) { Err(Malformed) } else { Ok(inner) }
}

/// A node of RFC 7239 section 6, and the bare IPv6 address that X-Forwarded-For
/// has besides. `None` for those that do not say who they are.
fn node(text: &str) -> Result<Option<IpAddr>, Malformed> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(address.to_canonical()));
    }
    let (name, port) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or(Malformed)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return Err(Malformed);
    }
    if text.starts_with('[') {
        let address: Ipv6Addr = name.parse().map_err(|_not_ipv6| Malformed)?;
        Ok(Some(IpAddr::V6(address).to_canonical()))
    } else if name.starts_with('_') || name.eq_ignore_ascii_case("unknown") {
        Ok(None)
    } else {
        let address: Ipv4Addr = name.parse().map_err(|_not_ipv4| Malformed)?;
        Ok(Some(address.into()))
    }
}

/// A number, or an obfuscated port (RFC 7239 section 6.2).
fn is_port(port: &str) -> bool {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.starts_with('_') || (digits && port.parse::<u16>().is_ok())
}

fn text(element: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(element).map_err(|_not_text| Malformed)
}
