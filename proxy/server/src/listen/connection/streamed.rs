//! A connection whose bytes are not framed here: those of HTTP/2 are watched as they pass.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use edgeloom_config::Limits;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::{Connection, PREFACE};
use crate::listen::http2::{Known, Watched};

impl Connection {
    /// From here on, what comes is frames: these are counted.
    pub(in crate::listen) fn watch_frames(&mut self, limits: &Limits, known: Arc<Known>) {
        self.watched = Some(Box::new(Watched::after(PREFACE.len(), limits, known)));
        self.exchange_has_begun();
    }

    pub(super) fn poll_all(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.watched.as_ref().is_some_and(|watched| watched.known.is_exceeded()) {
            // Whoever serves its streams has been told, and ends them.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if self.ahead_at < self.ahead.len() {
            let end = self.ahead.len().min(self.ahead_at + buf.remaining());
            buf.put_slice(self.ahead.get(self.ahead_at..end).unwrap_or_default());
            self.ahead_at = end;
            if self.ahead_at == self.ahead.len() {
                self.forget();
            }
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        }
        let came = buf.filled().get(before..).unwrap_or_default();
        if self.watched.as_mut().is_some_and(|watched| !watched.come(came)) {
            buf.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}
