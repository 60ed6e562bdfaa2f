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
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, l4,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::limits::CLOSE_TIMEOUT;

/// A connection on which nobody else can read or write.
pub(crate) struct Secured {
    stream: TlsStream<l4::stream::Stream>,
    told: Told,
}

/// What Pingora's sessions are told of a connection; nothing, where nobody asks.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) ssl: Option<Arc<SslDigest>>,
    pub(crate) carrier: Option<Arc<ProxyDigest>>,
}

impl Secured {
    pub(crate) fn new(stream: impl Into<TlsStream<l4::stream::Stream>>, told: Told) -> Self {
        Self { stream: stream.into(), told }
    }

    fn beneath(&self) -> &l4::stream::Stream {
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

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
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

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secured").field(self.beneath()).finish()
    }
}

#[async_trait]
impl Shutdown for Secured {
    async fn shutdown(&mut self) {
        // Whoever takes nothing more must not keep us: it is hung up on all the same.
        let _ = timeout(CLOSE_TIMEOUT, AsyncWriteExt::shutdown(&mut self.stream)).await;
    }
}

impl UniqueID for Secured {
    fn id(&self) -> i32 {
        self.beneath().id()
    }
}

impl Ssl for Secured {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.told.ssl.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(if self.agreed()? == "h2" { ALPN::H2 } else { ALPN::H1 })
    }
}

impl Peek for Secured {}

impl GetTimingDigest for Secured {
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

impl GetProxyDigest for Secured {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.told.carrier.clone()
    }
}

impl GetSocketDigest for Secured {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.beneath().get_socket_digest()
    }
}
