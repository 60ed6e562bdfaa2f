//! Who answers.

use std::sync::atomic::Ordering;
use std::time::Instant;

use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};

use crate::exchange::Exchange;
use crate::rescue::Failure;

/// The endpoint whose turn it is, but for those that could not be connected to.
pub(super) fn pick(exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
    let picked = exchange.cluster().and_then(|(id, cluster)| {
        let turn = exchange.turn.unwrap_or_else(|| cluster.turn.0.fetch_add(1, Ordering::Relaxed));
        let (position, _) = cluster.endpoints.pick(turn, &exchange.unreachable)?;
        Some((id, turn, position, cluster.peers.get(position)?.clone()))
    });
    let Some((cluster, turn, position, peer)) = picked else {
        exchange.failure = Some(Failure::NoEndpoint);
        return Err(Error::explain(ErrorType::ConnectError, "no endpoint to ask"));
    };
    exchange.turn = Some(turn);
    exchange.upstream = Some((cluster, position));
    Ok(Box::new(peer))
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
