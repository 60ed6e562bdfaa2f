//! Who answers.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::rescue::Failure;

/// The endpoint whose turn it is, but for those that could not be connected to.
pub(super) fn pick(session: &Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
    let picked = exchange.cluster().and_then(|(id, cluster)| {
        let turn = exchange.turn.unwrap_or_else(|| cluster.turn.0.fetch_add(1, Ordering::Relaxed));
        let (position, _) = cluster.endpoints.pick(turn, &exchange.unreachable)?;
        let mut peer = Box::new(cluster.peers.get(position)?.clone());
        cluster.reach.introduce(&mut peer, || ends(session, exchange));
        Some((id, turn, position, peer))
    });
    let Some((cluster, turn, position, peer)) = picked else {
        exchange.failure = Some(Failure::NoEndpoint);
        return Err(Error::explain(ErrorType::ConnectError, "no endpoint to ask"));
    };
    exchange.turn = Some(turn);
    exchange.upstream = Some((cluster, position));
    Ok(peer)
}

/// The client, and the address that it connected to. A client that somebody else speaks for has no port.
fn ends(session: &Session, exchange: &Exchange) -> Option<(SocketAddr, SocketAddr)> {
    let client = exchange.subject.client.address;
    let port = exchange.peer.filter(|peer| peer.ip() == client).map_or(0, |peer| peer.port());
    let here = session.server_addr()?.as_inet()?;
    Some((SocketAddr::new(client, port), *here))
}

/// Remembers the endpoint that could not be connected to, and lets another be
/// tried while the cluster has one and tries are left.
pub(super) fn unreachable(exchange: &mut Exchange, mut error: Box<Error>) -> Box<Error> {
    let Some((cluster, position)) = exchange.upstream else {
        return error;
    };
    exchange.unreachable.push(position);
    let failed = exchange.unreachable.len();
    let another = exchange.generation.cluster(cluster).is_some_and(|cluster| {
        cluster.metrics.connect_failures.add();
        failed <= usize::from(cluster.retries) && failed < cluster.peers.len()
    });
    error.set_retry(another);
    error
}

/// An endpoint has been connected to, or was already.
pub(super) fn connected(exchange: &mut Exchange) {
    exchange.asked_upstream = Some(Instant::now());
}
