//! A connection that goes back to where it is kept when Pingora is done with it.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, Digest, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID,
};
use pingora_http::ResponseHeader;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::idle::Idle;

/// A connection on which Pingora speaks HTTP/1.1.
///
/// When an exchange is over and the connection can take another one, Pingora looks whether it is quiet before it puts it
/// into its pool: it asks for one byte and does not wait. Nobody else asks for one byte. It is then told that the
/// connection has ended, and drops it, with which it comes to [`Idle`]. A connection that is dropped otherwise is closed.
pub(super) struct Kept {
    /// There until it is dropped.
    stream: Option<Stream>,
    /// Where it was used before.
    marker: Option<Arc<Marker>>,
    home: Home,
    /// Since the last look, if nothing has been read or written after it.
    is_done: bool,
}

/// Where a connection lies, by which key, and for how long.
struct Home(Idle, u64, Option<Duration>);

/// What tells [`is_used`] that a connection was used before: of what Pingora tells us of connections, its digest of a CONNECT
/// proxy alone can carry something of ours, and we ask no such proxy.
pub(super) type Marker = ProxyDigest;

struct Used;

/// Whether a connection has had a request before, and may have been closed by the time of the next.
pub(crate) fn is_used(digest: &Digest) -> bool {
    let told = digest.proxy_digest.as_ref().and_then(|proxy| proxy.user_data.as_ref());
    told.is_some_and(|told| told.is::<Used>())
}

impl Kept {
    pub(super) fn new(
        stream: Stream,
        marker: Option<Arc<Marker>>,
        home: Idle,
        key: u64,
        idle: Option<Duration>,
    ) -> Self {
        Self { stream: Some(stream), marker, home: Home(home, key, idle), is_done: false }
    }

    fn with<T>(&mut self, work: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => work(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| self.is_done) else { return };
        let marker = self.marker.take().or_else(|| {
            let unused = Box::new(ResponseHeader::build(StatusCode::OK, Some(0)).ok()?);
            Some(Arc::new(ProxyDigest::new(unused, Some(Box::new(Used)))))
        });
        if let Some(marker) = marker {
            let Home(home, key, idle) = &self.home;
            home.put(stream, marker, *key, *idle);
        }
    }
}

impl AsyncRead for Kept {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_look = buf.capacity() == 1;
        let read = self.with(|stream| stream.poll_read(cx, buf));
        self.is_done = is_look && read.is_pending();
        if self.is_done { Poll::Ready(Ok(())) } else { read }
    }
}

impl AsyncWrite for Kept {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.is_done = false;
        self.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_done = false;
        self.with(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.stream).finish()
    }
}

#[async_trait]
impl Shutdown for Kept {
    async fn shutdown(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.shutdown().await;
        }
    }
}

impl UniqueID for Kept {
    fn id(&self) -> i32 {
        self.stream.as_ref().map_or(-1, |stream| stream.id())
    }
}

impl Ssl for Kept {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.as_ref()?.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.as_ref()?.selected_alpn_proto()
    }
}

impl Peek for Kept {}

impl GetTimingDigest for Kept {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.as_ref().map(|stream| stream.get_timing_digest()).unwrap_or_default()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.as_ref().map(|stream| stream.get_read_pending_time()).unwrap_or_default()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.as_ref().map(|stream| stream.get_write_pending_time()).unwrap_or_default()
    }
}

impl GetProxyDigest for Kept {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.marker.clone()
    }
}

impl GetSocketDigest for Kept {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.as_ref()?.get_socket_digest()
    }
}
