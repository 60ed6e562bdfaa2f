//! Conditions on the host.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Which hosts: `shop.example`, `*.shop.example` or `*`, in any case.
///
/// `*.shop.example` is every sub-domain at any depth, and not `shop.example` itself.
/// The dot of a name that is spelled out to the root (`shop.example.`) means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Every host, and none.
    Any,
    /// What hosts end with, from the dot on. Lower case.
    Suffix(Box<str>),
    /// Lower case.
    Exact(Box<str>),
}

impl HostPattern {
    /// Whether this host is meant: lower case, without a port.
    pub fn matches(&self, host: &str) -> bool {
        let host = without_root(host);
        match self {
            Self::Any => true,
            Self::Suffix(suffix) => host.strip_suffix(&**suffix).is_some_and(|front| !front.is_empty()),
            Self::Exact(exact) => *host == **exact,
        }
    }
}

pub(crate) fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Why a text is not a host pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    #[error("`*` stands alone, or for the sub-domains of a host, as in `*.shop.example`")]
    Star,
    #[error("a host is written without its port; an IPv6 address in brackets, as in `[2001:db8::1]`")]
    Colon,
    #[error("a host is written in ASCII, so an international name in its `xn--` form")]
    NotAscii,
    #[error(
        "a host is labels of up to 63 letters, digits, `-` and `_`, with dots between them, as in `shop.example`"
    )]
    NotAHost,
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        match text.strip_prefix("*.") {
            Some(domain) => Ok(Self::Suffix(format!(".{}", name(domain)?).into())),
            None => Ok(Self::Exact(address(text).map_or_else(|| name(text), Ok)?.into())),
        }
    }
}

fn address(text: &str) -> Option<String> {
    let address: Ipv6Addr = text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(format!("[{address}]"))
}

fn name(text: &str) -> Result<String, HostPatternError> {
    let name = without_root(text);
    let label = |label: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LABEL_MAX).contains(&label.len()) && label.bytes().all(legal)
    };
    if name.contains('*') {
        Err(HostPatternError::Star)
    } else if name.contains(':') && !name.contains('/') {
        Err(HostPatternError::Colon)
    } else if !name.is_ascii() {
        Err(HostPatternError::NotAscii)
    } else if name.len() > NAME_MAX || !name.split('.').all(label) {
        Err(HostPatternError::NotAHost)
    } else {
        Ok(name.to_ascii_lowercase())
    }
}

/// RFC 1035 section 2.3.4.
const LABEL_MAX: usize = 63;
/// 255 bytes on the wire are 253 characters.
const NAME_MAX: usize = 253;

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
            Self::Exact(exact) => f.write_str(exact),
        }
    }
}
