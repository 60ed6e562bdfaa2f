//! One accepted connection, with a deadline for every request head on it.
//!
//! Pingora bounds each read, not a whole head: a client that drips one byte a
//! minute would hold a connection for ever. And its look for the HTTP/2 preface
//! waits for 24 bytes, more than a short HTTP/1.0 request has.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use memchr::memmem;
use pingora_core::protocols::tls::SslDigest;
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, timeout_at};

use super::refusal::unsigned;
use super::relay::{Ending, Passed, Relay};
use crate::limits::{HEAD_TIMEOUT, READ_BUFFER, WRITE_BUFFER};

/// RFC 9113 section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection.
pub(crate) struct Connection {
    stream: Stream,
    /// Bytes that were read before anybody asked for them.
    ahead: Vec<u8>,
    /// How many of these have been asked for since.
    ahead_at: usize,
    /// What is written next, gathered so that a head and a small body go out together.
    out: Vec<u8>,
    heads: Heads,
    stage: Stage,
    deadline: Instant,
    /// Rings when the deadline has passed, or one before it: it is set anew only when it has rung,
    /// because setting a timer costs more than looking at the clock, and hardly any deadline passes.
    timer: Option<Pin<Box<Sleep>>>,
    /// What is passed on instead of being written, and how it ended.
    tunnel: Mutex<Option<Box<Relay>>>,
    /// Told the status of what was refused before there was an exchange.
    refused: Box<dyn Fn(u16) + Send + Sync>,
}

/// What has been read of the exchange at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heads {
    Nothing,
    /// One head, and no more.
    One,
    /// Anything else: a body, a head in pieces, the next request already.
    More,
}

impl Heads {
    /// So many bytes more are read, before or after the head was complete.
    fn add(self, bytes: &[u8]) -> Self {
        let end = memmem::find(bytes, HEAD_END);
        match (self, end) {
            (Self::Nothing, Some(at)) if at + HEAD_END.len() == bytes.len() => Self::One,
            _ => Self::More,
        }
    }
}

/// RFC 9112 section 2.1.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

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
            ahead: Vec::new(),
            ahead_at: 0,
            out: Vec::new(),
            heads: Heads::Nothing,
            stage: Stage(AtomicU8::new(IDLE)),
            deadline: Instant::now(),
            timer: None,
            tunnel: Mutex::default(),
            refused: Box::new(refused),
        }
    }

    /// The connection beneath a session's stream, if it is one of ours.
    pub(crate) fn beneath(stream: &Stream) -> Option<&Self> {
        (**stream).as_any().downcast_ref()
    }

    /// Whether nobody else can read what goes over it.
    pub(super) fn is_secure(&self) -> bool {
        self.stream.get_ssl_digest().is_some()
    }

    /// The head is complete: its deadline no longer runs.
    pub(crate) fn head_is_complete(&self) {
        self.stage.set(BODY);
    }

    /// The exchange has ended: the next byte begins a head.
    pub(crate) fn exchange_has_ended(&self) {
        self.stage.set(IDLE);
    }

    /// From the next flush on, what is read and written here is what passes through this tunnel; the
    /// flush ends with it. Pingora lends a session's stream by shared reference only, and this is the one
    /// way to get at it that needs no buffers of Pingora's.
    pub(crate) fn tunnel(&self, relay: Relay) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(relay));
    }

    /// What has passed through the tunnel, and how it ended; `None` where there was none.
    pub(crate) fn tunnelled(&self) -> Option<(Passed, Ending)> {
        let tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner);
        tunnel.as_ref().and_then(|relay| Some((relay.passed(), relay.ending()?)))
    }

    /// Passes on what there is, until the tunnel has ended, if there is one.
    fn poll_tunnel(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut relay) = self.tunnel.get_mut().unwrap_or_else(PoisonError::into_inner).take() else {
            return Poll::Ready(());
        };
        let polled = relay.poll(&mut Through(self), cx);
        *self.tunnel.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(relay);
        polled.map(|_ending| ())
    }

    /// Whether it is known that nothing was read that has not been dealt with: then the next head
    /// can be waited for here, where a connection that waits holds next to no memory.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.heads != Heads::More
    }

    /// Waits for the beginning of a head.
    ///
    /// # Errors
    ///
    /// Where the client hangs up or says nothing for that long.
    pub(super) async fn begins(&mut self, patience: Duration) -> io::Result<()> {
        self.heads = Heads::Nothing;
        if self.out.is_empty() {
            self.out = Vec::new();
        }
        if self.ahead_at == self.ahead.len() {
            self.deadline = Instant::now() + patience;
            poll_fn(|cx| match self.poll_ahead(cx) {
                Poll::Pending => self.poll_late(cx).map(Err),
                read @ Poll::Ready(_) => read,
            })
            .await?;
            self.begin_head();
        }
        Ok(())
    }

    /// Reads as much as tells HTTP/2 by prior knowledge from HTTP/1.
    ///
    /// # Errors
    ///
    /// Where the client hangs up or says nothing for that long.
    pub(super) async fn look_for_preface(&mut self, patience: Duration) -> io::Result<()> {
        self.begins(patience).await?;
        let deadline = Instant::now() + patience;
        while self.ahead.len() < PREFACE.len() && PREFACE.starts_with(&self.ahead) {
            let more = timeout_at(deadline, poll_fn(|cx| self.poll_ahead(cx))).await;
            match more.map_err(|_elapsed| io::ErrorKind::TimedOut)? {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read?,
            }
        }
        if self.speaks_http2() {
            // HTTP/2 frames heads of many streams: its own limits take over.
            self.stage.set(BODY);
        }
        Ok(())
    }

    /// Whether what was looked at is the preface of HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.ahead.starts_with(PREFACE)
    }

    /// Reads what there is, into memory that is there only once something is.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        thread_local! {
            static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into());
        }
        READ.with_borrow_mut(|bytes| {
            let mut buf = ReadBuf::new(bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            self.ahead.extend_from_slice(buf.filled());
            let is_end = buf.filled().is_empty();
            Poll::Ready(if is_end { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) })
        })
    }

    fn begin_head(&mut self) {
        self.deadline = Instant::now() + HEAD_TIMEOUT;
        self.stage.set(HEAD);
    }

    /// The error, if the deadline has passed; wakes the task when it does.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client took too long"));
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn poll_refuse(&mut self, cx: &mut Context<'_>, refusal: &[u8]) -> Poll<io::Result<usize>> {
        let Some((status, ours)) = unsigned(refusal) else { return self.poll_gather(cx, refusal) };
        self.out.extend_from_slice(&ours);
        (self.refused)(status);
        Poll::Ready(Ok(refusal.len()))
    }

    /// Keeps what is written until it is flushed or more than fits.
    fn poll_gather(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() + bytes.len() > WRITE_BUFFER {
            ready!(self.poll_out(cx))?;
        }
        if bytes.len() >= WRITE_BUFFER {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes what was kept.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let ahead = self.ahead.get(self.ahead_at..).unwrap_or_default();
        if ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let ahead = ahead.get(..buf.remaining()).unwrap_or(ahead);
        buf.put_slice(ahead);
        self.ahead_at += ahead.len();
        if self.ahead_at == self.ahead.len() {
            self.ahead = Vec::new();
            self.ahead_at = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let before = buf.filled().len();
        let polled = connection.poll_stream(cx, buf);
        let read = buf.filled().get(before..).unwrap_or_default();
        if !read.is_empty() {
            connection.heads = connection.heads.add(read);
        }
        match polled {
            Poll::Ready(Ok(())) if connection.stage.is(IDLE) && !read.is_empty() => {
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
        connection.poll_gather(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.poll_tunnel(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
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
        self.0.poll_stream(cx, buf)
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

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.stream).finish()
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        // Whoever hangs up does not read it: nothing is lost then.
        let _ = poll_fn(|cx| self.poll_out(cx)).await;
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
