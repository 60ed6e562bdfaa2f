//! Whom a proxy before us speaks for: the PROXY protocol, read from a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use edgeloom_config::ProxyProtocol;
use edgeloom_core::wire::announcement::{self, NoAnnouncement, Version};
use tokio::io::AsyncReadExt as _;
use tokio::time::error::Elapsed;

use super::accepted::Accepted;

/// Why a connection does not begin with an announcement.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnnounceError {
    #[error(transparent)]
    Absent(#[from] NoAnnouncement),
    #[error("the announcement did not come in time")]
    Late(#[from] Elapsed),
    #[error("the connection ended before it was announced")]
    Ended,
    #[error("the connection can not be read")]
    Broken(#[from] io::Error),
}

pub(super) fn wanted(protocol: ProxyProtocol) -> Option<Version> {
    match protocol {
        ProxyProtocol::Off => None,
        ProxyProtocol::V1 => Some(Version::V1),
        ProxyProtocol::V2 => Some(Version::V2),
        ProxyProtocol::Any => Some(Version::Any),
    }
}

/// Who connected, and where to; `None` where the proxy speaks for itself. What follows is read again.
///
/// # Errors
///
/// Where nothing is announced in that time.
pub(super) async fn read(
    stream: &mut Accepted,
    version: Version,
    within: Duration,
) -> Result<Option<(SocketAddr, SocketAddr)>, AnnounceError> {
    let mut bytes = Vec::new();
    let announcement = tokio::time::timeout(within, async {
        loop {
            let mut piece = [0; PIECE];
            let count = stream.read(&mut piece).await?;
            if count == 0 {
                return Err(AnnounceError::Ended);
            }
            bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
            if let Some(announcement) = announcement::read(&bytes, version)? {
                return Ok(announcement);
            }
        }
    })
    .await??;
    stream.rewind(bytes.get(announcement.length..).unwrap_or_default());
    Ok(announcement.whom)
}

/// What is read at once: an announcement has some ten bytes, and is bounded by what it says of its length.
const PIECE: usize = 512;
