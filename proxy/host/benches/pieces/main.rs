//! What running a guest costs, piece by piece, in time and in instructions.
//!
//! `cargo bench -p edgeloom-host --bench pieces` takes the time, after `cargo xtask filters`;
//! `cargo xtask counts` counts.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not start says so by panicking")]

#[path = "../../../core/benches/pieces/gauge.rs"]
mod gauge;

mod snapshots; // from settings to a filter
mod calls; // one call of a shipped filter
mod host_calls; // what a guest asks of the proxy, by kind
mod places; // where an address is
mod stage; // a host, plans, and a visitor to call them for
#[path = "../../../core/benches/pieces/visitor.rs"]
mod visitor;

use gauge::Gauge;

fn main() {
    let mut gauge = Gauge::of_arguments();
    // Compiling takes several threads, whose instructions nobody can count twice alike.
    if gauge.takes_time() {
        snapshots::measure(&mut gauge);
    }
    calls::measure(&mut gauge);
    host_calls::measure(&mut gauge);
    places::measure(&mut gauge);
    gauge.finish();
}
