//! From an endpoint to what Pingora connects to.

use std::fmt;
use std::net::SocketAddr;

use edgeloom_config::Timeouts;
use edgeloom_core::address::Address;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

/// How the endpoints of a cluster are connected to, all of them in the same way.
pub(crate) struct Reach {
    timeouts: Timeouts,
}

/// One address of an endpoint: a name may have several, and each takes turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(Box<str>),
}

impl Reach {
    pub(crate) fn new(cluster: &edgeloom_config::Cluster) -> Self {
        Self { timeouts: cluster.timeouts }
    }

    /// What Pingora wants to know of an endpoint at one of its addresses. Made once and cloned for each exchange.
    pub(crate) fn peer(&self, at: &At) -> Option<HttpPeer> {
        let mut peer = match at {
            At::Ip(address) => HttpPeer::new(address, false, String::new()),
            // A path that fits no socket was refused by the configuration.
            At::Unix(path) => HttpPeer::new_uds(path, false, String::new()).ok()?,
        };
        let options = &mut peer.options;
        options.connection_timeout = Some(self.timeouts.connect);
        options.total_connection_timeout = Some(self.timeouts.connect);
        options.read_timeout = Some(self.timeouts.read);
        options.write_timeout = Some(self.timeouts.write);
        options.idle_timeout = Some(self.timeouts.idle);
        // Pingora 0.9.1 may end a tunnel as soon as it is open: ours are opened in `way/tunnel.rs`.
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        Some(peer)
    }
}

impl At {
    /// Where an endpoint is, if nobody has to look it up.
    pub(crate) fn of(address: &Address) -> Option<Self> {
        match address {
            Address::Ip(address) => Some(Self::Ip(*address)),
            Address::Unix(path) => Some(Self::Unix(path.clone())),
            Address::Name(..) => None,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}
