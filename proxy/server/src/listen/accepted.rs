//! An accepted connection as TLS and Pingora want to see it.
//!
//! Pingora's own stream looks at the clock whenever it waits and when it has waited, for an account that nobody asks for.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// An accepted stream, and what is known of its ends.
#[derive(Debug)]
pub(super) struct Accepted {
    wire: Wire,
    /// What was read and is to be read again.
    again: Vec<u8>,
    ends: Arc<SocketDigest>,
}

#[derive(Debug)]
enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Accepted {
    fn from(stream: TcpStream) -> Self {
        Self::new(stream.as_raw_fd(), Wire::Tcp(stream))
    }
}

impl From<UnixStream> for Accepted {
    fn from(stream: UnixStream) -> Self {
        Self::new(stream.as_raw_fd(), Wire::Unix(stream))
    }
}

impl Accepted {
    fn new(number: RawFd, wire: Wire) -> Self {
        Self { wire, again: Vec::new(), ends: Arc::new(SocketDigest::from_raw_fd(number)) }
    }

    /// What is known of its ends: what was set first, or else what the system says.
    pub(super) fn ends(&self) -> &SocketDigest {
        &self.ends
    }

    /// These bytes were read, and are read again.
    pub(super) fn rewind(&mut self, bytes: &[u8]) {
        self.again = bytes.to_vec();
    }

    fn writer(self: Pin<&mut Self>) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match &mut self.get_mut().wire {
            Wire::Tcp(stream) => Pin::new(stream),
            Wire::Unix(stream) => Pin::new(stream),
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.again.is_empty() {
            let count = self.again.len().min(buf.remaining());
            buf.put_slice(self.again.get(..count).unwrap_or_default());
            self.again.drain(..count);
            return Poll::Ready(Ok(()));
        }
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is kept here.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Accepted {
    async fn shutdown(&mut self) {
        // Whoever has gone need not be told.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for Accepted {
    fn id(&self) -> i32 {
        match &self.wire {
            Wire::Tcp(stream) => stream.as_raw_fd(),
            Wire::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Ssl for Accepted {}

impl Peek for Accepted {}

impl GetTimingDigest for Accepted {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Accepted {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Accepted {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.ends))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_rewound_is_read_first() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut accepted = Accepted::from(ours);
        theirs.write_all(b" and this").await.unwrap();
        drop(theirs);
        accepted.rewind(b"that");
        let (mut first, mut rest) = ([0; 3], String::new());
        assert_eq!(accepted.read(&mut first).await.unwrap(), 3);
        accepted.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&first, &*rest), (b"tha", "t and this"));
    }
}
