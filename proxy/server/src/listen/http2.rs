//! A connection of HTTP/2: its streams are exchanges of their own.

mod known; // what those know of it who share it
mod stream; // one exchange's side

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edgeloom_config::Limits;
use h2::Reason;
use h2::server::Connection as Streams;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{
    H2Accept, H2Options, HttpSession, default_h2_options, handshake,
};
use pingora_core::protocols::{
    Digest, GetProxyDigest as _, GetSocketDigest as _, GetTimingDigest as _, Ssl as _,
};
use pingora_core::server::ShutdownWatch;
use pingora_proxy::Session;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connection::Connection;
use super::door::{Door, Guest};
use super::excess::Excess;
use super::pace::Pace;
use super::refusal::Refusal;
use crate::limits::{CLOSE_TIMEOUT, LINGER, MALFORMED_STREAMS_MAX, STREAM_BUFFER, STREAM_WINDOW};

pub(super) use known::{Known, Watched};
use stream::Stream;

/// Whether a session is a stream of HTTP/2: of all that Pingora knows, only ours are none of its own.
pub(crate) fn is_stream(session: &Session) -> bool {
    session.as_downstream().is_custom()
}

impl Door {
    /// Streams until the client has no more of them, or has had its share.
    pub(super) async fn http2(&self, mut connection: Box<Connection>, guest: &Guest, stop: &ShutdownWatch) {
        let known = Arc::new(Known::new());
        connection.watch_frames(&guest.limits, Arc::clone(&known));
        let digest = Arc::new(Digest {
            ssl_digest: connection.get_ssl_digest(),
            timing_digest: connection.get_timing_digest(),
            proxy_digest: connection.get_proxy_digest(),
            socket_digest: connection.get_socket_digest(),
        });
        // Its preface has been looked at, so there is nothing to wait for.
        let Ok(mut streams) = handshake(connection, Some(options(&guest.limits))).await else { return };
        if let Some(excess) = self.streams(&mut streams, &digest, &known, guest, stop).await {
            self.edge.ended(guest.peer, excess);
            known.cut_short();
            // The library has said so where it found it out by itself. Whoever does not listen need not hear it.
            streams.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            let _ = timeout(LINGER, poll_fn(|cx| streams.poll_closed(cx))).await;
        }
    }

    /// Until the connection has ended; why, if that is for what the client has done.
    async fn streams(
        &self,
        streams: &mut Streams<pingora_core::protocols::Stream, bytes::Bytes>,
        digest: &Arc<Digest>,
        known: &Arc<Known>,
        guest: &Guest,
        stop: &ShutdownWatch,
    ) -> Option<Excess> {
        let open = Arc::new(Open::default());
        let mut stopping = stop.clone();
        let mut left = guest.limits.requests_per_connection;
        let mut malformed = 0;
        let mut closing = false;
        let pace = Pace::of(&guest.limits);
        loop {
            let accepted = tokio::select! {
                biased;
                excess = known.excess() => return Some(excess),
                _ = stopping.wait_for(|stop| *stop), if !closing => None,
                accepted = HttpSession::from_h2_conn(streams, Arc::clone(digest)) => Some(accepted),
                () = open.none_for(guest.limits.keepalive), if !closing => None,
                () = open.none_for(CLOSE_TIMEOUT), if closing => return None,
            };
            match accepted {
                Some(Ok(Some(H2Accept::Session(session)))) => {
                    self.exchange(Stream::new(session, pace, Arc::clone(known)), open.one_more(), stop);
                    left = left.saturating_sub(1);
                }
                Some(Ok(Some(H2Accept::Rejected))) => {
                    self.edge.refused(Some(guest.peer), &Refusal::Stream);
                    malformed += 1;
                    if malformed >= MALFORMED_STREAMS_MAX {
                        return Some(Excess::Malformed);
                    }
                }
                // Closed, in good order or not.
                Some(Ok(None)) => return None,
                Some(Err(error)) => return Excess::of(&error),
                None => left = 0,
            }
            if left == 0 && !closing {
                // Streams that are open are served to their end.
                streams.graceful_shutdown();
                closing = true;
            }
        }
    }

    fn exchange(&self, stream: Stream, open: OpenStream, stop: &ShutdownWatch) {
        let (proxy, stop) = (Arc::clone(&self.proxy), stop.clone());
        tokio::spawn(async move {
            let _open = open;
            proxy.process_new_http(ServerSession::new_custom(Box::new(stream)), &stop).await;
        });
    }
}

fn options(limits: &Limits) -> H2Options {
    let mut options = default_h2_options();
    // A little more than is allowed, so that it is we who refuse it, with a line in the log.
    let lines = (limits.header_lines + 16).saturating_mul(LINE_OVERHEAD);
    let bytes = limits.header_bytes.0.saturating_mul(2).saturating_add(limits.target.0.saturating_mul(2));
    options.max_header_list_size(lines.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX)));
    options.max_concurrent_streams(limits.streams);
    options.max_send_buffer_size(STREAM_BUFFER);
    options.initial_window_size(STREAM_WINDOW);
    // One whose endpoint does not read it keeps no other from being sent.
    options.initial_connection_window_size(STREAM_WINDOW.saturating_mul(limits.streams));
    options
}

/// What a header line counts for, beyond its name and value (RFC 9113 section 6.5.2).
const LINE_OVERHEAD: u32 = 32;

/// The streams of a connection that are open.
#[derive(Default)]
struct Open {
    count: AtomicUsize,
    none: Notify,
}

impl Open {
    fn one_more(self: &Arc<Self>) -> OpenStream {
        self.count.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }

    /// Ends when there has been none for so long.
    async fn none_for(&self, time: Duration) {
        while self.count.load(Ordering::Relaxed) > 0 {
            self.none.notified().await;
        }
        tokio::time::sleep(time).await;
    }
}

struct OpenStream(Arc<Open>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.none.notify_one();
        }
    }
}
