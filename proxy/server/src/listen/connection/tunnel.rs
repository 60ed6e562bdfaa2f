//! A connection that goes on in another protocol.

use std::io;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::relay::{Ending, Passed, Relay};
use super::{Connection, Reading};

impl Connection {
    /// From the next flush on, what is read and written here is what passes through this tunnel; the
    /// flush ends with it. Pingora lends a session's stream by shared reference only, and this is the one
    /// way to get at it that needs no buffers of Pingora's.
    pub(crate) fn tunnel(&self, relay: Relay) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(relay));
    }

    /// Ends the tunnel, if there is one: there is no time left for what is still to come.
    pub(crate) fn cut_tunnel(&self) {
        let mut tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.iter_mut().for_each(|relay| relay.cut());
    }

    /// What has passed through the tunnel, and how it ended; `None` where there was none.
    pub(crate) fn tunnelled(&self) -> Option<(Passed, Ending)> {
        let tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.as_ref().and_then(|relay| Some((relay.passed(), relay.ending()?)))
    }

    /// Passes on what there is, until the tunnel has ended, if there is one.
    pub(super) fn poll_tunnel(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut relay) = self.tunnel.get_mut().unwrap_or_else(PoisonError::into_inner).take() else {
            return Poll::Ready(());
        };
        // What comes is no message of HTTP any more, also after its end.
        self.reading = Reading::All;
        let polled = relay.poll(&mut Through(self), cx);
        *self.tunnel.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(relay);
        polled.map(|_ending| ())
    }
}

/// The connection beneath all that is known of HTTP.
struct Through<'a>(&'a mut Connection);

impl AsyncRead for Through<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_all(cx, buf)
    }
}

impl AsyncWrite for Through<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_shutdown(cx)
    }
}
