//! Who is asking: the peer, or whom the proxies before the edge speak for.
//!
//! A forwarding header grows to the right: each proxy appends whom it was
//! asked by. So it is read from the right, and only for as long as each hop
//! is one that the operator trusts; what stands to the left of the first
//! stranger was written by strangers.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::{IpNet, Ipv4Net};

use crate::limits::FORWARDED_HOPS_MAX;
use hop::{Hop, Malformed};
pub use tls::{ClientCertificate, NameKind, Tls};

mod hop;
mod tls;
#[cfg(test)]
mod tests;

/// Who sent a request, as the edge established it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// Never an IPv4 address mapped into IPv6.
    pub address: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub secure: bool,
}

/// The header in which trusted proxies report their clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ForwardingHeader {
    /// With `X-Forwarded-Proto` for whether the client's connection is encrypted.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ForwardingHeader {
    pub fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }
}

/// Whose forwarding header is believed, and which one. The default trusts nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    networks: Vec<IpNet>,
    header: ForwardingHeader,
}

impl Trust {
    pub fn new(networks: Vec<IpNet>, header: ForwardingHeader) -> Self {
        let networks = networks.into_iter().map(unmapped).collect();
        Self { networks, header }
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// Establishes the client of a request that `peer` sent.
///
/// That is the peer, unless it is trusted; then the nearest hop of the
/// forwarding header that is not. Where a trusted hop hides whom it speaks for
/// (`unknown`, `_x`), or there are no more hops, it is that trusted hop. Where
/// a hop is malformed, or there are more than [`FORWARDED_HOPS_MAX`], it is the peer.
///
/// Whether the client is secure is told by the peer's connection, or by what a
/// trusted proxy says about it: by the `proto` of the client's own hop, or by
/// an `X-Forwarded-Proto` that is one word.
pub fn identify(peer: Client, headers: &HeaderMap, trust: &Trust) -> Client {
    let address = peer.address.to_canonical();
    let peer = Client { address, ..peer };
    if !trust.trusts(address) {
        return peer;
    }
    // The lines of one header are one list (RFC 9110 section 5.3).
    let lines = headers.get_all(trust.header.name()).into_iter().rev();
    let elements = lines.flat_map(|line| hop::elements_from_the_right(line.as_bytes()));
    match trust.header {
        ForwardingHeader::XForwardedFor => {
            let secure = forwarded_proto(headers).unwrap_or(peer.secure);
            walk(Client { secure, ..peer }, elements.map(hop::x_forwarded_for), trust)
        }
        ForwardingHeader::Forwarded => walk(peer, elements.map(hop::forwarded), trust),
    }
}

fn walk(peer: Client, hops: impl Iterator<Item = Result<Hop, Malformed>>, trust: &Trust) -> Client {
    let mut client = peer;
    for (walked, hop) in hops.enumerate() {
        if !trust.trusts(client.address) {
            break;
        }
        match hop {
            Err(Malformed) => return peer,
            Ok(_) if walked == FORWARDED_HOPS_MAX => return peer,
            Ok(Hop { address: None, .. }) => break,
            Ok(Hop { address: Some(address), secure }) => {
                client = Client { address, secure: secure.unwrap_or(peer.secure) };
            }
        }
    }
    client
}

/// Two values may be of two hops, and nothing says which is which: then none is believed.
fn forwarded_proto(headers: &HeaderMap) -> Option<bool> {
    let mut lines = headers.get_all(X_FORWARDED_PROTO).into_iter();
    match (lines.next(), lines.next()) {
        (Some(only), None) => hop::is_secure(only.to_str().ok()?),
        _ => None,
    }
}

/// Addresses are compared unmapped, so `::ffff:10.0.0.0/104` must become `10.0.0.0/8`.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    v6.network()
        .to_ipv4_mapped()
        .zip(v6.prefix_len().checked_sub(MAPPED_PREFIX))
        .and_then(|(address, length): (Ipv4Addr, u8)| Ipv4Net::new(address, length).ok())
        .map_or(network, IpNet::V4)
}

/// The length of `::ffff:0:0/96`.
const MAPPED_PREFIX: u8 = 96;
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
