//! Edgeloom: an edge proxy that sends every request through a chain of
//! WebAssembly filters, and swaps them while traffic flows.
//!
//! Read the modules in this order.

mod access_log; // where exchanges leave their lines
mod admin; // the operator's port
mod cli; // what the operator typed
mod exchange; // what is known of one
mod generation; // what exchanges see, and how it is replaced
mod limits;
mod listen; // where clients come in
mod metrics; // what is counted
mod rescue; // what a client is told when something fails
mod startup; // from a configuration to a running edge, and to its end
mod telemetry; // how the process speaks of itself
mod way; // the way of a request // every bound, with its reason

use std::process::ExitCode;

// A third of an exchange's time is allocating; the system's allocator needs a fifth more of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
