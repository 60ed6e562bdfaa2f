//! Bytes on their way through TLS, to a client or to an endpoint, as Pingora wants to see them.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::limits::CLOSE_TIMEOUT;

/// A connection on which nobody else can read or write.
pub(crate) struct Secured<S> {
    stream: TlsStream<S>,
    told: Told,
}

/// What Pingora's sessions are told of a connection; nothing, where nobody asks.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) ssl: Option<Arc<SslDigest>>,
    pub(crate) carrier: Option<Arc<ProxyDigest>>,
}

impl<S: IO> Secured<S> {
    pub(crate) fn new(stream: impl Into<TlsStream<S>>, told: Told) -> Self {
        Self { stream: stream.into(), told }
    }

    fn beneath(&self) -> &S {
        self.stream.get_ref().0
    }

    /// What both sides have agreed on by ALPN.
    pub(crate) fn agreed(&self) -> Option<&'static str> {
        match self.stream.get_ref().1.alpn_protocol()? {
            b"h2" => Some("h2"),
            // Nothing else is offered.
            _ => Some("http/1.1"),
        }
    }
}

impl<S: IO> AsyncRead for Secured<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: IO> AsyncWrite for Secured<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: IO> fmt::Debug for Secured<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secured").field(self.beneath()).finish()
    }
}

#[async_trait]
impl<S: IO> Shutdown for Secured<S> {
    async fn shutdown(&mut self) {
        // Whoever takes nothing more must not keep us: it is hung up on all the same.
        let _ = timeout(CLOSE_TIMEOUT, AsyncWriteExt::shutdown(&mut self.stream)).await;
    }
}

impl<S: IO> UniqueID for Secured<S> {
    fn id(&self) -> i32 {
        self.beneath().id()
    }
}

impl<S: IO> Ssl for Secured<S> {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.told.ssl.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(if self.agreed()? == "h2" { ALPN::H2 } else { ALPN::H1 })
    }
}

impl<S: IO> Peek for Secured<S> {}

impl<S: IO> GetTimingDigest for Secured<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.beneath().get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.beneath().get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.beneath().get_write_pending_time()
    }
}

impl<S: IO> GetProxyDigest for Secured<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.told.carrier.clone()
    }
}

impl<S: IO> GetSocketDigest for Secured<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.beneath().get_socket_digest()
    }
}
