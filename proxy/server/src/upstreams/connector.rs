//! Connections to endpoints, where Pingora's own connectors are not enough: those in secret, whose sessions go on where
//! others ended, and those of HTTP/2, each of whose requests has times of its own.
//!
//! Pingora asks here for what it takes for a protocol that it does not know. It is given a connection, on which it
//! speaks HTTP/1.1 itself and which comes to [`Idle`] when it is done, or a stream of an HTTP/2 connection.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use edgeloom_config::Spoken;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::custom::{Connection, Connector as Custom};
use pingora_core::connectors::http::v2::{self, H2HandshakeSettings, handshake};
use pingora_core::protocols::tls::CustomALPN;
use pingora_core::protocols::{ALPN, GetProxyDigest as _, Stream, l4};
use pingora_core::upstreams::peer::Peer;
use pingora_core::{Error, ErrorType, Result};
use tokio::time::timeout;

use super::http2::Http2;
use super::idle::Idle;
use super::tls::{NotSecured, Offer, Tls};
use crate::limits::DOWNGRADED_MAX;
use crate::secured::Secured;

/// What opens connections, and keeps those of HTTP/2.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    /// Pingora's, for its pools and for connections in the clear.
    pools: v2::Connector,
    /// Those of HTTP/1.1 that wait for a request.
    idle: Idle,
    /// Those who agreed to HTTP/2 and then said that they would rather not.
    downgraded: Mutex<HashSet<u64>>,
}

/// What a peer's `alpn` is set to, so that Pingora asks here.
pub(super) fn ours(spoken: Spoken) -> ALPN {
    let name = match spoken {
        Spoken::Http1 => HTTP1,
        Spoken::Http2 => HTTP2,
        Spoken::Auto => AUTO,
    };
    ALPN::Custom(CustomALPN::new(name.to_vec()))
}

impl Connector {
    pub(crate) fn new(options: ConnectorOptions, workers: usize) -> Self {
        let idle = Idle::new(options.keepalive_pool_size, workers);
        let pools = v2::Connector::new(Some(options));
        Self(Arc::new(Inner { pools, idle, downgraded: Mutex::default() }))
    }

    /// A connection, kept in no pool.
    ///
    /// # Errors
    ///
    /// Where the endpoint can not be connected to, or there is no TLS with it.
    pub(crate) async fn stream<P: Peer + Send + Sync + 'static>(&self, peer: &P) -> Result<Stream> {
        self.connection(peer, Offer::Usual).await
    }

    /// The same, for HTTP/1.1 alone: what another protocol can follow.
    ///
    /// # Errors
    ///
    /// As above.
    pub(crate) async fn stream_for_http1<P: Peer + Send + Sync + 'static>(&self, peer: &P) -> Result<Stream> {
        self.connection(peer, Offer::Http1).await
    }

    async fn connection<P: Peer + Send + Sync + 'static>(&self, peer: &P, offer: Offer) -> Result<Stream> {
        if peer.tls() {
            Ok(Box::new(secured(peer, offer).await?))
        } else {
            self.0.pools.transport().new_stream(peer).await
        }
    }

    /// A new stream of a new connection, or the connection if there are none on it.
    async fn open<P: Peer + Send + Sync + 'static>(&self, peer: &P) -> Result<Connection<Http2>> {
        let spoken = spoken(peer);
        let stream: Stream = if peer.tls() {
            let offer = if self.is_downgraded(peer) { Offer::Http1 } else { Offer::Usual };
            let secured = secured(peer, offer).await?;
            if secured.agreed() != Some("h2") {
                return Ok(Connection::Stream(self.0.idle.keeping(Box::new(secured), peer)));
            }
            Box::new(secured)
        } else {
            let stream = self.0.pools.transport().new_stream(peer).await?;
            if spoken != Spoken::Http2 {
                return Ok(Connection::Stream(self.0.idle.keeping(stream, peer)));
            }
            stream
        };
        let mut settings = H2HandshakeSettings::new();
        settings.max_streams = peer.get_peer_options().map_or(1, |options| options.max_h2_streams);
        settings.ping_interval = peer.h2_ping_interval();
        let connection = handshake(stream, settings).await?;
        let Some(stream) = connection.spawn_stream().await? else {
            return Err(Error::explain(ErrorType::H2Error, "a new connection takes no requests"));
        };
        if connection.more_streams_allowed() {
            self.0.pools.in_use_pool().insert(peer.reuse_hash(), connection);
        }
        Ok(Connection::Session(Http2::new(stream, peer.tls(), spoken)))
    }

    fn is_downgraded<P: Peer>(&self, peer: &P) -> bool {
        let downgraded = self.0.downgraded.lock().unwrap_or_else(PoisonError::into_inner);
        spoken(peer) == Spoken::Auto && downgraded.contains(&peer.reuse_hash())
    }

    fn downgrade(&self, peer: u64) {
        let mut downgraded = self.0.downgraded.lock().unwrap_or_else(PoisonError::into_inner);
        // They are asked anew then, which is no harm.
        if downgraded.len() >= DOWNGRADED_MAX {
            downgraded.clear();
        }
        downgraded.insert(peer);
    }
}

#[async_trait]
impl Custom for Connector {
    type Session = Http2;

    async fn get_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        peer: &P,
    ) -> Result<(Connection<Http2>, bool)> {
        if spoken(peer) != Spoken::Http2
            && let Some(stream) = self.0.idle.take(peer)
        {
            return Ok((Connection::Stream(stream), true));
        }
        Ok((self.open(peer).await?, false))
    }

    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, peer: &P) -> Option<Http2> {
        if spoken(peer) == Spoken::Http1 {
            return None;
        }
        // One that takes no more requests is as good as none.
        let reused = self.0.pools.reused_http_session(peer).await.ok()??;
        Some(Http2::new(reused, peer.tls(), spoken(peer)))
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        session: Http2,
        peer: &P,
        idle: Option<Duration>,
    ) {
        if session.wants_http1() {
            self.downgrade(peer.reuse_hash());
        }
        self.0.pools.release_http_session(session.into_inner(), peer, idle);
    }
}

/// What is spoken with a peer, as [`ours`] has said it.
fn spoken<P: Peer>(peer: &P) -> Spoken {
    match peer.get_alpn() {
        Some(ALPN::Custom(ours)) if ours.protocol() == HTTP2 => Spoken::Http2,
        Some(ALPN::Custom(ours)) if ours.protocol() == AUTO => Spoken::Auto,
        _ => Spoken::Http1,
    }
}

/// Connects, and shakes hands.
async fn secured<P: Peer + Send + Sync>(peer: &P, offer: Offer) -> Result<Secured<l4::stream::Stream>> {
    let connecting = async {
        let dial = peer.get_peer_options().and_then(|options| options.custom_l4.as_ref());
        let Some(dial) = dial else { return Err(without_tls()) };
        let stream = dial.connect(peer.address()).await?;
        let digest = stream.get_proxy_digest();
        let tls = digest.as_ref().and_then(|digest| digest.user_data.as_ref()?.downcast_ref::<Arc<Tls>>());
        let shaken = tls.ok_or_else(without_tls)?.shake_hands(stream, offer, peer.connection_timeout()).await;
        shaken.map_err(|why| Error::because(kind_of(&why), "no TLS", why))
    };
    match peer.total_connection_timeout() {
        None => connecting.await,
        Some(within) => timeout(within, connecting).await.unwrap_or_else(|_late| {
            Err(Error::because(ErrorType::TLSHandshakeTimedout, "no TLS", NotSecured::Late(within)))
        }),
    }
}

/// As Pingora tells them apart.
fn kind_of(why: &NotSecured) -> ErrorType {
    match why {
        NotSecured::Late(_) => ErrorType::TLSHandshakeTimedout,
        NotSecured::Refused(_) | NotSecured::BrokeOff(_) | NotSecured::NotHttp2(_) => {
            ErrorType::TLSHandshakeFailure
        }
    }
}

fn without_tls() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "a peer with TLS that has not been told how")
}

const HTTP1: &[u8] = b"edgeloom-http1";
const HTTP2: &[u8] = b"edgeloom-http2";
const AUTO: &[u8] = b"edgeloom-auto";
