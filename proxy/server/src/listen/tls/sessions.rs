//! What an earlier handshake is remembered by, so that the next is cheaper.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

use crate::limits::SESSIONS_MAX;

/// The sessions of one listener, over generations.
///
/// A session that goes on is not verified again: rustls takes the client's certificate from the session
/// itself. So sessions end when other clients are believed; nothing else makes an earlier one wrong, as
/// rustls compares name and version.
#[derive(Clone)]
pub(super) struct Sessions {
    /// Clients keep their sessions themselves, encrypted with keys that are never older than twelve hours.
    tickets: Arc<dyn ProducesTickets>,
    /// For TLS 1.2 clients that take no tickets.
    kept: Arc<dyn StoresServerSessions>,
    /// A digest of who is believed, if anybody is.
    believed: Option<[u8; 32]>,
}

impl Sessions {
    /// The earlier ones, if the same clients are still believed.
    ///
    /// # Errors
    ///
    /// Where the system gives no random numbers.
    pub(super) fn after(earlier: Option<&Self>, believed: Option<[u8; 32]>) -> Result<Self, rustls::Error> {
        match earlier.filter(|earlier| earlier.believed == believed) {
            Some(earlier) => Ok(earlier.clone()),
            None => Ok(Self {
                tickets: Ticketer::new()?,
                kept: ServerSessionMemoryCache::new(SESSIONS_MAX),
                believed,
            }),
        }
    }

    pub(super) fn remember(&self, config: &mut ServerConfig) {
        config.ticketer = Arc::clone(&self.tickets);
        config.session_storage = Arc::clone(&self.kept);
    }
}
