//! With the allocator that the edge has.

use clap::Parser;
use edgeloom_peer_pingora::{Options, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    serve(&Options::parse())
}
