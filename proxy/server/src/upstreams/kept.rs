//! A connection that goes back to where it is kept when Pingora is done with it.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf as _, BytesMut};
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
///
/// The first thing that Pingora writes is the head of a request. Where its lines were left with us ([`Sent`]), they are
/// what is written instead.
pub(super) struct Kept {
    /// There until it is dropped.
    stream: Option<Stream>,
    label: Option<Arc<Label>>,
    home: Home,
    head: Head,
    /// Since the last look, if nothing has been read or written after it.
    is_done: bool,
}

/// What becomes of the head that Pingora writes.
enum Head {
    /// Nothing has been written yet.
    Ahead,
    /// This is written in its place.
    Instead(BytesMut),
    /// It is behind.
    Written,
}

/// Where a connection lies, by which key, and for how long.
struct Home(Idle, u64, Option<Duration>);

/// What we know of a connection, where Pingora tells us of it again: of what its digests say of connections, that of a CONNECT
/// proxy alone can carry something of ours, and we ask no such proxy.
pub(super) type Label = ProxyDigest;

/// What is on the label.
#[derive(Default)]
struct Known {
    is_used: AtomicBool,
    head: Mutex<Option<BytesMut>>,
}

/// For a connection that is new.
pub(super) fn label() -> Option<Arc<Label>> {
    let unasked = Box::new(ResponseHeader::build(StatusCode::OK, Some(0)).ok()?);
    Some(Arc::new(ProxyDigest::new(unasked, Some(Box::new(Known::default())))))
}

fn known(label: &Label) -> Option<&Known> {
    label.user_data.as_ref()?.downcast_ref()
}

/// Whether a connection has had a request before, and may have been closed by the time of the next.
pub(crate) fn is_used(digest: &Digest) -> bool {
    let known = digest.proxy_digest.as_deref().and_then(known);
    known.is_some_and(|known| known.is_used.load(Ordering::Relaxed))
}

/// A connection of HTTP/1.1 that takes the head of its next request from us, as it is on the wire.
pub(crate) struct Sent(Arc<Label>);

impl Sent {
    /// None for a stream of HTTP/2.
    pub(crate) fn on(digest: &Digest) -> Option<Self> {
        let label = digest.proxy_digest.as_ref()?;
        known(label).map(|_| Self(Arc::clone(label)))
    }

    /// To be written when Pingora writes its own.
    pub(crate) fn send(&self, head: BytesMut) {
        if let Some(known) = known(&self.0) {
            *known.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        }
    }
}

impl Kept {
    pub(super) fn new(
        stream: Stream,
        label: Option<Arc<Label>>,
        home: Idle,
        key: u64,
        idle: Option<Duration>,
    ) -> Self {
        Self { stream: Some(stream), label, home: Home(home, key, idle), head: Head::Ahead, is_done: false }
    }

    fn with<T>(&mut self, work: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => work(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// What was left with us to be written, if the head is what is written now.
    fn head(&mut self) -> Option<BytesMut> {
        match std::mem::replace(&mut self.head, Head::Written) {
            Head::Ahead => {
                let known = self.label.as_deref().and_then(known)?;
                known.head.lock().unwrap_or_else(PoisonError::into_inner).take()
            }
            Head::Instead(left) => Some(left),
            Head::Written => None,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| self.is_done) else { return };
        if let Some(label) = self.label.take() {
            if let Some(known) = known(&label) {
                known.is_used.store(true, Ordering::Relaxed);
            }
            let Home(home, key, idle) = &self.home;
            home.put(stream, label, *key, *idle);
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
        let Some(mut head) = self.head() else { return self.with(|stream| stream.poll_write(cx, buf)) };
        while !head.is_empty() {
            match self.with(|stream| stream.poll_write(cx, &head)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => head.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.head = Head::Instead(head);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(buf.len()))
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
        self.label.clone()
    }
}

impl GetSocketDigest for Kept {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.as_ref()?.get_socket_digest()
    }
}
