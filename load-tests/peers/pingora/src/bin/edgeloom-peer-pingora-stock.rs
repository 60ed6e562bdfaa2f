//! With the system's allocator: Pingora as it comes.

use clap::Parser;
use edgeloom_peer_pingora::{Options, serve};

fn main() -> anyhow::Result<()> {
    serve(&Options::parse())
}
