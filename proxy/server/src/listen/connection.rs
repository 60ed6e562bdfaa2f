//! One accepted connection, with a deadline for every request head on it.
//!
//! Pingora bounds each read, not a whole head: a client that drips one byte a
//! minute would hold a connection for ever. And its look for the HTTP/2 preface
//! waits for 24 bytes, more than a short HTTP/1.0 request has.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::refusal::unsigned;
use crate::limits::HEAD_TIMEOUT;

/// RFC 9113 section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection.
pub(crate) struct Connection {
    stream: Stream,
    /// Bytes read while looking for the preface, to be read again.
    ahead: [u8; PREFACE.len()],
    ahead_at: usize,
    ahead_end: usize,
    stage: Stage,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// Told the status of what was refused before there was an exchange.
    refused: Box<dyn Fn(u16) + Send + Sync>,
}

/// Where the connection is. Atomic because Pingora lends the stream of a session only by shared reference.
struct Stage(AtomicU8);

/// Nothing of the next head is there yet.
const IDLE: u8 = 0;
/// A head has begun to arrive; its deadline runs.
const HEAD: u8 = 1;
/// The head is complete, or the protocol has deadlines of its own.
const BODY: u8 = 2;

impl Stage {
    fn is(&self, stage: u8) -> bool {
        self.0.load(Ordering::Relaxed) == stage
    }

    fn set(&self, stage: u8) {
        self.0.store(stage, Ordering::Relaxed);
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, refused: impl Fn(u16) + Send + Sync + 'static) -> Self {
        Self {
            stream,
            ahead: [0; PREFACE.len()],
            ahead_at: 0,
            ahead_end: 0,
            stage: Stage(AtomicU8::new(IDLE)),
            deadline: Instant::now(),
            timer: None,
            refused: Box::new(refused),
        }
    }

    /// The connection beneath a session's stream, if it is one of ours.
    pub(crate) fn beneath(stream: &Stream) -> Option<&Self> {
        (**stream).as_any().downcast_ref()
    }

    /// The head is complete: its deadline no longer runs.
    pub(crate) fn head_is_complete(&self) {
        self.stage.set(BODY);
    }

    /// The exchange has ended: the next byte begins a head.
    pub(crate) fn exchange_has_ended(&self) {
        self.stage.set(IDLE);
    }

    /// Reads as much as tells HTTP/2 by prior knowledge from HTTP/1.
    ///
    /// # Errors
    ///
    /// Where the client hangs up or says nothing for that long.
    pub(super) async fn look_for_preface(&mut self, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        let mut end = 0;
        while let Some(rest) = self.ahead.get_mut(end..).filter(|rest| !rest.is_empty()) {
            let read = tokio::time::timeout_at(deadline, self.stream.read(rest));
            let count = read.await.map_err(|_elapsed| io::ErrorKind::TimedOut)??;
            end += count;
            self.ahead_end = end;
            if count == 0 || !self.may_be_preface() {
                break;
            }
        }
        if self.ahead == *PREFACE {
            // HTTP/2 frames heads of many streams: its own limits take over.
            self.stage.set(BODY);
        } else {
            self.begin_head();
        }
        if end == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn may_be_preface(&self) -> bool {
        self.ahead.get(..self.ahead_end).is_some_and(|read| PREFACE.starts_with(read))
    }

    fn begin_head(&mut self) {
        self.deadline = Instant::now() + HEAD_TIMEOUT;
        self.timer = None;
        self.stage.set(HEAD);
    }

    /// The error, if the head's deadline has passed; wakes the task when it does.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the request head took too long"))
    }

    fn poll_refuse(&mut self, cx: &mut Context<'_>, refusal: &[u8]) -> Poll<io::Result<usize>> {
        let Some((status, ours)) = unsigned(refusal) else {
            return Pin::new(&mut self.stream).poll_write(cx, refusal);
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &ours))?;
        (self.refused)(status);
        // It is the first thing written, and smaller than the buffer.
        let whole = written == ours.len();
        Poll::Ready(if whole { Ok(refusal.len()) } else { Err(io::ErrorKind::WriteZero.into()) })
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let ahead = self.ahead.get(self.ahead_at..self.ahead_end).unwrap_or_default();
        if ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let ahead = ahead.get(..buf.remaining()).unwrap_or(ahead);
        buf.put_slice(ahead);
        self.ahead_at += ahead.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let before = buf.filled().len();
        match connection.poll_stream(cx, buf) {
            Poll::Ready(Ok(())) if connection.stage.is(IDLE) && buf.filled().len() > before => {
                connection.begin_head();
                Poll::Ready(Ok(()))
            }
            // A client that drips always has a byte ready: the clock decides, not the wait.
            Poll::Ready(Ok(())) if connection.stage.is(HEAD) && Instant::now() >= connection.deadline => {
                connection.poll_late(cx).map(Err)
            }
            Poll::Pending if connection.stage.is(HEAD) => connection.poll_late(cx).map(Err),
            other => other,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        if !connection.stage.is(BODY) {
            return connection.poll_refuse(cx, buf);
        }
        Pin::new(&mut connection.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
        self.stream.shutdown().await;
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
        self.stream.get_timing_digest()
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

#[cfg(test)]
mod tests;
