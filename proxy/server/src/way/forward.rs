//! What we say of the client to whoever answers.

use std::net::{IpAddr, SocketAddr};

use edgeloom_core::client::Client;
use edgeloom_core::forward::{self, Vouched};
use edgeloom_core::survey::Survey;
use http::HeaderMap;

use crate::generation::{Entrance, Generation};
use crate::way::Edge;

/// Replaces what the client says of itself by what we know; returns what that is.
pub(super) fn vouch(
    headers: &mut HeaderMap,
    sent: Survey,
    peer: Option<SocketAddr>,
    secure: bool,
    generation: &Generation,
    edge: &Edge,
) -> Vouched {
    // Every socket of ours has a peer with an Internet address.
    let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
    let Entrance { trust, forwarding, .. } = generation.entrance(edge.listener);
    let draw = || fastrand::u64(..);
    forward::vouch(headers, sent, Client { address, secure }, trust, forwarding, edge.port.as_ref(), draw)
}
