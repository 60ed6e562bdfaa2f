//! A connection as Pingora sees it: a stream, and what is known of what is beneath.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::{Connection, Reading};
use crate::limits::LINGER;

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        match connection.reading {
            Reading::Head(left, rest) => {
                connection.read_head(buf, left, rest);
                Poll::Ready(Ok(()))
            }
            // What comes behind a head is no part of it, whatever Pingora makes of its end.
            Reading::Body(_) if !connection.answering.load(Ordering::Relaxed) => Poll::Ready(Ok(())),
            Reading::Body(rest) if rest.has_ended() => connection.poll_end(cx),
            Reading::Body(rest) => connection.poll_body(cx, buf, rest),
            Reading::All => connection.poll_all(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        if !connection.answering.load(Ordering::Relaxed) {
            return connection.poll_refuse(cx, buf);
        }
        let gathered = connection.poll_gather(cx, buf);
        if let (Some(watched), Poll::Ready(Ok(count))) = (&mut connection.watched, &gathered) {
            watched.go(buf.get(..*count).unwrap_or_default());
        }
        gathered
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.out.is_empty() {
            ready!(self.poll_out(cx))?;
        }
        match Pin::new(&mut self.stream).poll_flush(cx)? {
            Poll::Pending => self.poll_untaken(cx).map(Err),
            Poll::Ready(()) => self.poll_tunnel(cx).map(Ok),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.stream).finish()
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // Whoever hangs up does not read it: nothing is lost then.
        let _ = timeout(LINGER, poll_fn(|cx| self.poll_out(cx))).await;
        Shutdown::shutdown(&mut *self.stream).await;
    }
}

impl UniqueID for Connection {
    fn id(&self) -> i32 {
        self.stream.id()
    }
}

impl Ssl for Connection {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

#[async_trait]
impl Peek for Connection {
    /// What [`Connection::look_for_preface`] read, so that Pingora's own look never waits.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        buf.fill(0);
        for (to, from) in buf.iter_mut().zip(&self.ahead) {
            *to = *from;
        }
        Ok(true)
    }
}

impl GetTimingDigest for Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks, and Pingora would keep one for each exchange.
        Vec::new()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Connection {
    fn get_proxy_digest(&self) -> Option<Arc<pingora_core::protocols::raw_connect::ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}
