//! What the core's decisions cost, in time and in instructions.
//!
//! `cargo bench -p edgeloom-core` takes the time; `cargo xtask counts` counts.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not start says so by panicking")]

mod gauge;

mod clients; // who is asking
mod routes; // what they asked for
mod heads; // what filters read and edit
mod clusters; // who answers
mod visitor; // a request like those of a browser

use gauge::Gauge;

fn main() {
    let mut gauge = Gauge::of_arguments();
    clients::measure(&mut gauge);
    routes::measure(&mut gauge);
    heads::measure(&mut gauge);
    clusters::measure(&mut gauge);
    gauge.finish();
}
