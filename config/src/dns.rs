//! How the names of endpoints are looked up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::limits::{Lookup, Refresh};
use crate::problem::{Problem, Problems};
use crate::tree::At;
use crate::written::{List, meant, section, texts};

/// How the names of endpoints are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Whom to ask; empty: whom the system asks.
    pub servers: Vec<SocketAddr>,
    /// How long one question may take.
    pub timeout: Duration,
    /// A name is not looked up more often than this, whatever its records say.
    pub refresh_min: Duration,
    /// Nor less often than this.
    pub refresh_max: Duration,
}

impl Default for Dns {
    /// Resolvers answer in milliseconds or have lost the question; below five seconds a short TTL is
    /// mostly load on the resolver; and nobody waits longer than some minutes for a move to be noticed.
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(2),
            refresh_min: Duration::from_secs(5),
            refresh_max: Duration::from_secs(300),
        }
    }
}

section! {
    /// How the names of endpoints are looked up: again and again, as often as their records say, within these bounds. Each address of a name takes its turns, of version 4 and of version 6. Where a look-up fails, the addresses of the last one that did not are kept.
    Resolving = "`dns`" {
        /// The name servers to ask, each an address, with `:` and a port if that is not 53. By default those of the system (`/etc/resolv.conf`). `/etc/hosts` is looked at first, always.
        servers: List<NameServer> = List(Vec::new()),
        /// How long a server may take to answer. Each question is asked twice.
        timeout: Lookup = Lookup(Dns::default().timeout),
        /// The least time between two look-ups of a name, however short its records are valid.
        refresh_min: Refresh = Refresh(Dns::default().refresh_min),
        /// The most time between two look-ups of a name, however long its records are valid.
        refresh_max: Refresh = Refresh(Dns::default().refresh_max),
    }
}

impl Default for Resolving {
    fn default() -> Self {
        Dns::default().write()
    }
}

impl Dns {
    pub(crate) fn resolve(raw: Resolving, problems: &mut Problems) -> Option<Self> {
        let (least, most) = (raw.refresh_min?, raw.refresh_max?);
        if least.value.0 > most.value.0 {
            problems.push(least.span, Problem::NeverRefreshed);
        }
        Some(Self {
            servers: raw.servers?.value.0.into_iter().map(|server| server.value.0).collect(),
            timeout: raw.timeout?.value.0,
            refresh_min: least.value.0,
            refresh_max: most.value.0,
        })
    }

    pub(crate) fn write(&self) -> Resolving {
        let servers = self.servers.iter().map(|server| At::unwritten(NameServer(*server)));
        Resolving {
            servers: meant(List(servers.collect())),
            timeout: meant(Lookup(self.timeout)),
            refresh_min: meant(Refresh(self.refresh_min)),
            refresh_max: meant(Refresh(self.refresh_max)),
        }
    }
}

/// Somebody who is asked for addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameServer(pub(crate) SocketAddr);

/// A text that nobody can be asked by.
#[derive(Debug, thiserror::Error)]
#[error("an IP address, with a port if that is not 53, such as `10.0.0.2` or `127.0.0.1:8600`")]
pub(crate) struct NotAServer;

impl FromStr for NameServer {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let alone = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
        match text.parse::<SocketAddr>().or_else(|_no_port| alone()) {
            Ok(server) if server.port() != 0 => Ok(Self(server)),
            Ok(_) | Err(_) => Err(NotAServer),
        }
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == PORT { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

/// Where name servers listen, by their standard.
const PORT: u16 = 53;

texts! {
    NameServer = "a name server's address" like "10.0.0.2";
}
