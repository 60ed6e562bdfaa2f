//! The end of generations, and the end of exchanges at a shutdown.

use std::sync::Arc;
use std::time::Duration;

use edgeloom_host::Host;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::{Generations, Loaded, build::OpenGeo};
use crate::limits::{CLOSE_TIMEOUT, DRAIN_POLL};
use crate::listen::Connections;

/// What a generation leaves behind when its last exchange has been logged.
pub(crate) struct Obituary {
    pub(super) number: u64,
    pub(super) filters: Box<[Loaded]>,
    pub(super) geo: Option<OpenGeo>,
}

/// Takes down what generations leave behind, for as long as there are any.
pub(crate) async fn bury(mut obituaries: UnboundedReceiver<Obituary>, host: Arc<Host>) {
    while let Some(Obituary { number, filters, geo }) = obituaries.recv().await {
        tracing::info!(generation = number, "generation {number} has drained");
        let host = Arc::clone(&host);
        let took_down = tokio::task::spawn_blocking(move || {
            drop((filters, geo));
            host.forget_unused();
        });
        if took_down.await.is_err() {
            tracing::error!(generation = number, "a filter of generation {number} could not be taken down");
        }
    }
}

/// Waits until the last exchange has ended, and then a moment for connections
/// to close. Returns how many exchanges were cut off because time was up.
pub(crate) async fn ended(generations: &Generations, connections: &Connections, within: Duration) -> usize {
    let deadline = Instant::now() + within;
    while generations.open() > 0 {
        if Instant::now() >= deadline {
            return generations.open();
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while connections.count() > 0 && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_POLL).await;
    }
    generations.open()
}
