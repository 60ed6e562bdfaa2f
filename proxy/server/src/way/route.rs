//! What they asked for.

use crate::exchange::Exchange;
use crate::rescue::Failure;

/// Chooses the route, and with it the chain and the cluster.
///
/// # Errors
///
/// Where no route's conditions hold.
pub(super) fn choose(exchange: &mut Exchange) -> Result<(), Failure> {
    exchange.route = exchange.generation.table.choose(&exchange.subject.head);
    exchange.route.map(|_| ()).ok_or(Failure::NoRoute)
}
