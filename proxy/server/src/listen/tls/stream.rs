//! Bytes on their way through TLS, as Pingora wants to see them.

use std::fmt;
use std::io;
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
use pingora_http::ResponseHeader;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::Secure;
use crate::limits::CLOSE_TIMEOUT;

/// A connection on which nobody else can read or write.
pub(crate) struct Secured {
    stream: TlsStream<l4::stream::Stream>,
    ssl: Arc<SslDigest>,
    secure: Arc<Secure>,
    /// What brings [`Secure`] to sessions: Pingora lets nobody else write into its digest of TLS, and a
    /// session of HTTP/2 has no stream to ask. Proxies before us that would be spoken to with CONNECT,
    /// which this place is for, there are none.
    carrier: Option<Arc<ProxyDigest>>,
}

impl Secured {
    pub(super) fn new(stream: TlsStream<l4::stream::Stream>, secure: Secure) -> Self {
        let version = if secure.tls.version == "1.2" { "TLSv1.2" } else { "TLSv1.3" };
        let ssl = SslDigest::new(secure.tls.cipher, version, None, None, Vec::new());
        let secure = Arc::new(secure);
        let carrier = ResponseHeader::build(http::StatusCode::OK, Some(0))
            .ok()
            .map(|unused| Arc::new(ProxyDigest::new(Box::new(unused), Some(Box::new(Arc::clone(&secure))))));
        Self { stream, ssl: Arc::new(ssl), secure, carrier }
    }

    pub(crate) fn secure(&self) -> &Secure {
        &self.secure
    }

    fn beneath(&self) -> &l4::stream::Stream {
        self.stream.get_ref().0
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
        // A client that takes nothing more must not keep us: it is hung up on all the same.
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
        Some(Arc::clone(&self.ssl))
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        match self.stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Some(ALPN::H2),
            Some(_) => Some(ALPN::H1),
            None => None,
        }
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
        self.carrier.clone()
    }
}

impl GetSocketDigest for Secured {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.beneath().get_socket_digest()
    }
}
