//! What happens on a connection, from its beginning to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use edgeloom_config::{Limits, Listener};
use edgeloom_core::wire::announcement::Version;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::{ALPN, Ssl as _, Stream};
use pingora_core::server::ShutdownWatch;

use super::Proxy;
use super::accepted::Accepted;
use super::announced::{self, wanted};
use super::census::{Connections, Room};
use super::connection::Connection;
use super::tls::Tls;
use crate::metrics::TurnedAway;
use crate::way::Edge;

/// Stands between the sockets and Pingora's proxy, for each connection.
pub(super) struct Door {
    pub(super) proxy: Arc<Proxy>,
    pub(super) edge: Arc<Edge>,
    h2c: bool,
    announcement: Option<Version>,
    connections: Connections,
}

/// Who is on a connection, and what they may take.
pub(super) struct Guest {
    pub(super) peer: SocketAddr,
    pub(super) limits: Limits,
}

impl Door {
    pub(super) fn new(
        proxy: Arc<Proxy>,
        edge: Arc<Edge>,
        listener: &Listener,
        connections: Connections,
    ) -> Self {
        Self { proxy, edge, h2c: listener.h2c, announcement: wanted(listener.proxy_protocol), connections }
    }

    /// All that happens on a connection, if there is room for one more.
    pub(super) async fn converse(&self, stream: Accepted, peer: SocketAddr, stop: &ShutdownWatch) {
        let Some((stream, guest, mut room)) = self.let_in(stream, peer, stop).await else { return };
        let stream: Stream = match self.edge.tls() {
            None => Box::new(stream),
            // In a box: else every connection would keep room for a handshake while it lasts.
            Some(tls) => match Box::pin(self.shake_hands(&tls, stream, &guest, stop)).await {
                Some(secured) => secured,
                None => return,
            },
        };
        let (edge, peer) = (Arc::clone(&self.edge), guest.peer);
        let refused = move |refusal: &_| edge.refused(Some(peer), refusal);
        room.wire = Some(self.connections.hold(stream.id()));
        let mut connection = Box::new(Connection::new(stream, &guest.limits, refused).within(room));
        let agreed = connection.selected_alpn_proto() == Some(ALPN::H2);
        if agreed || (self.h2c && !connection.is_secure()) {
            let mut stopping = stop.clone();
            let looked = tokio::select! {
                looked = connection.look_for_preface(&guest.limits) => looked.is_ok(),
                _ = stopping.wait_for(|stop| *stop) => false,
            };
            if !looked {
                return;
            }
            // Who agreed to it and then says something else is told so in its terms.
            if agreed || connection.speaks_http2() {
                return self.http2(connection, &guest, stop).await;
            }
        }
        self.http1(connection, &guest, stop).await;
    }

    /// What is beneath a TLS connection, if it comes to one.
    async fn shake_hands(
        &self,
        tls: &Tls,
        stream: Accepted,
        guest: &Guest,
        stop: &ShutdownWatch,
    ) -> Option<Stream> {
        let mut stopping = stop.clone();
        let shaken = tokio::select! {
            shaken = tls.accept(stream, guest.limits.handshake) => shaken,
            _ = stopping.wait_for(|stop| *stop) => return None,
        };
        let counters = &self.edge.metrics.handshakes;
        match shaken {
            Ok((secured, secure)) => {
                counters.made(&secure);
                Some(Box::new(secured))
            }
            Err(failure) => {
                counters.failed(failure);
                // Whoever connects can cause these: the counters are for operators, this is for a search.
                tracing::debug!(peer = %guest.peer, reason = failure.name(), "a TLS handshake came to nothing");
                None
            }
        }
    }

    /// Counts the connection, and learns whose it is.
    async fn let_in(
        &self,
        mut stream: Accepted,
        peer: SocketAddr,
        stop: &ShutdownWatch,
    ) -> Option<(Accepted, Guest, Room)> {
        // Held for no longer than it is looked at: a connection may live through many generations.
        let (limits, trusted) = {
            let generation = self.edge.generations.current();
            let trusted = generation.entrance(self.edge.listener).trust.trusts(peer.ip().to_canonical());
            (generation.limits, trusted)
        };
        let away = |reason: TurnedAway| {
            self.edge.metrics.turned_away.count(reason);
            tracing::debug!(%peer, "turned away: {reason}");
        };
        let Some(open) = self.connections.open(limits.connections) else {
            away(TurnedAway::TooMany);
            return None;
        };
        let mut ends = (peer, None);
        if let Some(version) = self.announcement {
            if !trusted {
                away(TurnedAway::Stranger);
                return None;
            }
            let mut stopping = stop.clone();
            let announced = tokio::select! {
                announced = announced::read(&mut stream, version, limits.handshake) => announced,
                _ = stopping.wait_for(|stop| *stop) => return None,
            };
            match announced {
                Ok(Some((client, local))) => ends = (client, Some(local)),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%peer, %error, "no announcement");
                    away(TurnedAway::Unannounced);
                    return None;
                }
            }
        }
        let (peer, local) = ends;
        let stands_for_many = peer.ip().to_canonical().is_loopback() || (trusted && local.is_none());
        let of_client = if stands_for_many {
            None
        } else if let Some(open) = self.connections.open_of(peer.ip(), limits.connections_per_client) {
            Some(open)
        } else {
            away(TurnedAway::TooManyOfClient);
            return None;
        };
        describe(&stream, peer, local);
        Some((stream, Guest { peer, limits }, Room { _open: open, _of_client: of_client, wire: None }))
    }

    /// Exchange after exchange, as Pingora would have it, but for the time between them: that is spent
    /// here, because a session of Pingora's that waits for a head holds what a whole exchange needs.
    async fn http1(
        &self,
        mut connection: Box<Connection>,
        guest: &Guest,
        stop: &ShutdownWatch,
    ) -> Option<()> {
        let mut stopping = stop.clone();
        // One for all exchanges: to begin to wait takes locks that all connections share.
        let stopped = stopping.wait_for(|stop| *stop);
        tokio::pin!(stopped);
        loop {
            let head = tokio::select! {
                biased;
                head = connection.head(&guest.limits) => head,
                _ = &mut stopped => return None,
            };
            match head {
                Ok(true) => {}
                Ok(false) => return None,
                Err(refusal) => {
                    connection.refuse(&refusal).await;
                    return None;
                }
            }
            let exchange = {
                // In a block of its own: else this future would keep room for it while it waits.
                let mut session = ServerSession::new_http1(connection);
                // For ever: the head is there, and Pingora waits for none.
                session.set_keepalive(Some(0));
                self.proxy.process_new_http(session, stop)
            };
            let reused = exchange.await?;
            let (stream, _) = reused.consume();
            // It is the stream that the session was made with.
            connection = stream.into_any().downcast().ok()?;
            if !connection.is_between_messages() {
                return None;
            }
        }
    }
}

/// Tells Pingora whose connection it is, and where it came in, as far as it is not what the system says.
fn describe(stream: &Accepted, peer: SocketAddr, local: Option<SocketAddr>) {
    let ends = stream.ends();
    // They are empty: these are the first that are set of it.
    let _ = ends.peer_addr.set(Some(peer.into()));
    if let Some(local) = local {
        let _ = ends.local_addr.set(Some(local.into()));
    }
}
