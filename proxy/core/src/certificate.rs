//! Which certificate is for which name (RFC 6125, RFC 9110 section 4.3.4).

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// A name that a certificate is for: lower case, without the dot of the root.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    Exact(Box<str>),
    /// What follows `*.`: one label before it is any.
    Wildcard(Box<str>),
    Address(IpAddr),
}

impl ServerName {
    /// A DNS name as a certificate has it; `None` where it can be no server's.
    pub fn of_dns(written: &str) -> Option<Self> {
        let name = canonical(written);
        let parent = name.strip_prefix("*.");
        // A star elsewhere (`f*.example`, `*`) is given no meaning by any client.
        let plain = parent.unwrap_or(&name);
        if plain.is_empty() || plain.contains('*') {
            return None;
        }
        Some(match parent {
            Some(parent) => Self::Wildcard(parent.into()),
            None => Self::Exact(name),
        })
    }

    /// Whether this host, as a request asks for it, is meant: lower case, without a port.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self {
            Self::Exact(name) => **name == *host,
            Self::Wildcard(parent) => below(host).is_some_and(|after| *after == **parent),
            Self::Address(address) => address_of(host).is_some_and(|host| host == *address),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What a client asks for before it has been shown anything.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The name, if it says one (SNI).
    pub name: Option<&'a str>,
    /// The address that it connected to: clients that were given an address ask for no name.
    pub address: Option<IpAddr>,
}

/// Certificates by what they are for. They are known by their position in a list.
#[derive(Debug, Default)]
pub struct Shelf {
    names: HashMap<Box<str>, Vec<usize>>,
    /// By the parent of the wildcard.
    wildcards: HashMap<Box<str>, Vec<usize>>,
    addresses: HashMap<IpAddr, Vec<usize>>,
    /// The first certificate, and those that are for its first name, too.
    fallback: Vec<usize>,
}

impl Shelf {
    /// Certificates by their names. The order counts where several are for one name, and the first is
    /// the default.
    pub fn new<'a>(certificates: impl IntoIterator<Item = &'a [ServerName]>) -> Self {
        let mut shelf = Self::default();
        let mut first: Option<&ServerName> = None;
        for (position, names) in certificates.into_iter().enumerate() {
            if position == 0 {
                first = names.first();
                shelf.fallback.push(0);
            } else if first.is_some_and(|first| names.contains(first)) {
                shelf.fallback.push(position);
            }
            for name in names {
                let place = match name {
                    ServerName::Exact(name) => shelf.names.entry(name.clone()).or_default(),
                    ServerName::Wildcard(parent) => shelf.wildcards.entry(parent.clone()).or_default(),
                    ServerName::Address(address) => shelf.addresses.entry(*address).or_default(),
                };
                // A certificate may repeat itself.
                if place.last() != Some(&position) {
                    place.push(position);
                }
            }
        }
        shelf
    }

    /// The certificates that are for what is asked, best first: those of the very name, then those of a
    /// wildcard. Empty where there is none.
    pub fn find(&self, asked: Asked<'_>) -> impl Iterator<Item = usize> {
        let (exact, wildcard) = match (asked.name, asked.address) {
            (Some(name), _) => {
                let name = canonical(name);
                let parent = below(&name).and_then(|parent| self.wildcards.get(parent));
                (self.names.get(&name), parent)
            }
            (None, Some(address)) => (self.addresses.get(&address.to_canonical()), None),
            (None, None) => (None, None),
        };
        exact.into_iter().chain(wildcard).flatten().copied()
    }

    /// What is shown to those who ask for nothing that there is.
    pub fn fallback(&self) -> impl Iterator<Item = usize> {
        self.fallback.iter().copied()
    }

    /// Whether addresses of ours make a difference.
    pub fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }
}

/// Lower case, without the dot of the root.
fn canonical(name: &str) -> Box<str> {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase().into()
}

/// What follows the first label of a name.
fn below(name: &str) -> Option<&str> {
    let (label, parent) = name.split_once('.')?;
    (!label.is_empty() && !parent.is_empty()).then_some(parent)
}

/// The address that a host is, if it is one.
fn address_of(host: &str) -> Option<IpAddr> {
    let plain = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    plain.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
