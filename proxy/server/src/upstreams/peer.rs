//! From an endpoint to what Pingora connects to.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edgeloom_config::{Cluster, ProxyHeader, Spoken, Timeouts, UpstreamTls};
use edgeloom_core::address::Address;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use sha2::{Digest as _, Sha256};

use super::Member;
use super::connector::ours;
use super::credentials::Credentials;
use super::dial::Dial;
use super::introduction;
use super::names::{Name, Names};
use super::tls::Tls;
use crate::limits::{UPSTREAM_PING, UPSTREAM_STREAMS_MAX};

/// How the endpoints of a cluster are reached, all of them in the same way.
pub(crate) struct Reach {
    timeouts: Timeouts,
    protocol: Spoken,
    tls: Option<(UpstreamTls, Credentials)>,
    introduces: Option<ProxyHeader>,
    /// Of the endpoints that have one.
    names: HashMap<Box<str>, Arc<Name>>,
    /// Connections are shared between peers of the same group only.
    group: u64,
}

/// One address of an endpoint: a name may have several, and each takes turns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(Box<str>),
}

impl Reach {
    /// `credentials` is what was loaded for the cluster's `tls`, if it has one.
    pub(crate) fn new(cluster: &Cluster, credentials: Option<&Credentials>, names: &Names) -> Self {
        let hosts = cluster.endpoints.iter().filter_map(|endpoint| Some(endpoint.address.name()?.0));
        let tls = cluster.tls.clone().zip(credentials.cloned());
        Self {
            timeouts: cluster.timeouts,
            protocol: cluster.protocol,
            introduces: cluster.proxy_protocol,
            names: hosts.map(|host| (host.into(), names.named(host))).collect(),
            group: group(cluster, credentials),
            tls,
        }
    }

    /// What Pingora wants to know of an endpoint at one of its addresses. Made once and cloned for each exchange.
    pub(crate) fn peer(&self, endpoint: &Address, at: &At, tls: Option<&Arc<Tls>>) -> Option<HttpPeer> {
        let name = self.tls.as_ref().map(|(tls, _)| tls.name_of(endpoint)).unwrap_or_default();
        let mut peer = match at {
            At::Ip(address) => HttpPeer::new(address, tls.is_some(), name),
            // A path that fits no socket was refused by the configuration.
            At::Unix(path) => HttpPeer::new_uds(path, tls.is_some(), name).ok()?,
        };
        peer.group_key = self.group;
        let options = &mut peer.options;
        options.connection_timeout = Some(self.timeouts.connect);
        options.total_connection_timeout = Some(self.timeouts.connect);
        options.read_timeout = Some(self.timeouts.read);
        options.write_timeout = Some(self.timeouts.write);
        options.idle_timeout = Some(self.timeouts.idle);
        options.alpn = ours(self.protocol);
        if self.protocol != Spoken::Http1 {
            options.max_h2_streams = UPSTREAM_STREAMS_MAX;
            options.h2_ping_interval = Some(UPSTREAM_PING);
        }
        // Pingora 0.9.1 may end a tunnel as soon as it is open: ours are opened in `way/tunnel.rs`.
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        if tls.is_some() {
            // Of the two, Pingora has one for both: ours is spent on the handshake, the dial has its own.
            options.connection_timeout = Some(self.timeouts.tls);
            options.total_connection_timeout = Some(self.timeouts.connect + self.timeouts.tls + LEEWAY);
        }
        if let Some(version) = self.introduces {
            // Nobody's: it is for what the edge asks by itself.
            let header = introduction::header(version, None);
            peer.options.custom_l4 = Some(Arc::new(self.dial(endpoint, tls, Some(header))));
        } else if tls.is_some() || endpoint.name().is_some() {
            peer.options.custom_l4 = Some(Arc::new(self.dial(endpoint, tls, None)));
        }
        Some(peer)
    }

    /// How TLS is spoken with an endpoint at one of its addresses, where it is spoken.
    pub(super) fn tls_at(&self, endpoint: &Address, at: &At) -> Option<Arc<Tls>> {
        let (tls, credentials) = self.tls.as_ref()?;
        // A name that no certificate can be for was refused by the configuration.
        let config = credentials.of_endpoint(at, self.protocol);
        Tls::new(config, tls.name_of(endpoint), self.protocol).map(Arc::new)
    }

    /// Makes a peer the client's own, where endpoints are to know who that is. `ends` are the client,
    /// and the address that it connected to.
    pub(crate) fn introduce(
        &self,
        member: &Member,
        peer: &mut HttpPeer,
        ends: impl FnOnce() -> Option<(SocketAddr, SocketAddr)>,
    ) {
        if let Some(version) = self.introduces {
            let header = introduction::header(version, ends());
            let digest = Sha256::new().chain_update(self.group.to_be_bytes()).chain_update(&header);
            peer.group_key = first_eight(&digest.finalize());
            peer.options.custom_l4 =
                Some(Arc::new(self.dial(&member.address, member.tls.as_ref(), Some(header))));
        }
    }

    /// Whether a connection can go on in another protocol: those of HTTP/2 can not.
    pub(crate) fn can_upgrade(&self) -> bool {
        self.protocol != Spoken::Http2
    }

    /// Whether endpoints are spoken to in secret.
    pub(crate) fn tls(&self) -> bool {
        self.tls.is_some()
    }

    fn dial(&self, endpoint: &Address, tls: Option<&Arc<Tls>>, introduction: Option<Vec<u8>>) -> Dial {
        Dial {
            tls: tls.cloned(),
            within: self.timeouts.connect,
            introduction: introduction.map(Into::into),
            name: endpoint.name().and_then(|(host, _)| self.names.get(host).cloned()),
        }
    }
}

/// Pingora's pool knows the address, the name, and the serial number of our certificate. Who may sign,
/// our key, what is spoken and whether there is an introduction make a connection another one, too.
fn group(cluster: &Cluster, credentials: Option<&Credentials>) -> u64 {
    let plain =
        credentials.is_none() && cluster.proxy_protocol.is_none() && cluster.protocol == Spoken::Http1;
    if plain {
        return 0;
    }
    let mut sum = Sha256::new();
    if let Some(credentials) = credentials {
        sum.update(credentials.digest());
    }
    sum.update([
        match cluster.protocol {
            Spoken::Http1 => 0,
            Spoken::Http2 => 1,
            Spoken::Auto => 2,
        },
        match cluster.proxy_protocol {
            None => 0,
            Some(ProxyHeader::V1) => 1,
            Some(ProxyHeader::V2) => 2,
        },
    ]);
    first_eight(&sum.finalize())
}

fn first_eight(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// So that it is the dial or the handshake that is found late, and not both of them together.
const LEEWAY: Duration = Duration::from_millis(100);

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
