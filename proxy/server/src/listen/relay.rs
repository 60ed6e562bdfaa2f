//! Bytes between a client and an endpoint that have agreed to go on in another protocol.
//!
//! Both directions are on their own: one that can not be written to for a while must not keep the
//! other from being read, or two sides that both write first would wait for each other for ever.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use pingora_core::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::limits::{HALF_CLOSED_TIMEOUT, TUNNEL_BUFFER};

/// An open tunnel, but for the client's side of it.
#[derive(Debug)]
pub(crate) struct Relay<S = Stream> {
    endpoint: S,
    /// From the client to the endpoint.
    up: Pipe,
    /// From the endpoint to the client.
    down: Pipe,
    idle: Duration,
    /// When something last passed.
    active: Instant,
    /// Rings when nothing has passed for that long, or before: it is set anew only when it has rung.
    timer: Pin<Box<Sleep>>,
    /// Who closed their side first.
    first: Option<Side>,
    ending: Option<Ending>,
}

/// What has passed through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ending {
    #[error("the client closed it")]
    ClosedByClient,
    #[error("the endpoint closed it")]
    ClosedByEndpoint,
    #[error("the client broke off")]
    ClientBrokeOff,
    #[error("the endpoint broke off")]
    EndpointBrokeOff,
    #[error("nothing passed for too long")]
    Idle,
    #[error("the edge was shut down")]
    Shutdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Endpoint,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Relay<S> {
    /// `early` is what the endpoint has said before the tunnel was open; the client's is still to be read.
    pub(crate) fn new(endpoint: S, early: Bytes, idle: Duration) -> Self {
        let (up, down) = (Pipe::new(Bytes::new()), Pipe::new(early));
        let now = Instant::now();
        let timer = Box::pin(tokio::time::sleep_until(now + idle));
        Self { endpoint, up, down, idle, active: now, timer, first: None, ending: None }
    }

    pub(crate) fn passed(&self) -> Passed {
        Passed { up: self.up.passed, down: self.down.passed }
    }

    /// How it ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Nothing passes any more.
    pub(crate) fn cut(&mut self) {
        self.ending.get_or_insert(Ending::Shutdown);
    }

    /// Passes on what there is, until both sides have closed or one is gone.
    pub(crate) fn poll<C>(&mut self, client: &mut C, cx: &mut Context<'_>) -> Poll<Ending>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let ending = match self.ending {
            Some(ending) => ending,
            None => ready!(self.poll_ending(client, cx)),
        };
        self.ending = Some(ending);
        Poll::Ready(ending)
    }

    fn poll_ending<C>(&mut self, client: &mut C, cx: &mut Context<'_>) -> Poll<Ending>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let before = self.passed();
        let up = self.up.poll(client, &mut self.endpoint, cx);
        self.note_the_first();
        let down = self.down.poll(&mut self.endpoint, client, cx);
        self.note_the_first();
        if self.passed() != before {
            self.active = Instant::now();
        }
        let broken = match (up, down) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => None,
            (Poll::Ready(Err(Broken::From)), _) | (_, Poll::Ready(Err(Broken::To))) => Some(Side::Client),
            (Poll::Ready(Err(Broken::To)), _) | (_, Poll::Ready(Err(Broken::From))) => Some(Side::Endpoint),
            (Poll::Pending, _) | (_, Poll::Pending) => return self.poll_idle(cx),
        };
        Poll::Ready(match (self.first, broken) {
            // Whoever has closed need not take what is still sent to them.
            (Some(Side::Client), _) | (None, None) => Ending::ClosedByClient,
            (Some(Side::Endpoint), _) => Ending::ClosedByEndpoint,
            (None, Some(Side::Client)) => Ending::ClientBrokeOff,
            (None, Some(Side::Endpoint)) => Ending::EndpointBrokeOff,
        })
    }

    fn note_the_first(&mut self) {
        if self.first.is_none() && (self.up.ended || self.down.ended) {
            self.first = Some(if self.up.ended { Side::Client } else { Side::Endpoint });
            self.idle = self.idle.min(HALF_CLOSED_TIMEOUT);
            self.active = Instant::now();
            self.timer.as_mut().reset(self.active + self.idle);
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.active + self.idle;
            if Instant::now() >= due {
                return Poll::Ready(Ending::Idle);
            }
            self.timer.as_mut().reset(due);
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    /// What was read and could not be written yet; nothing is read meanwhile.
    waiting: Bytes,
    passed: u64,
    unflushed: bool,
    /// Nothing more will be read.
    ended: bool,
    /// The other side has been told so.
    closed: bool,
}

/// Which end of a direction failed.
enum Broken {
    From,
    To,
}

impl Pipe {
    fn new(early: Bytes) -> Self {
        Self { waiting: early, passed: 0, unflushed: false, ended: false, closed: false }
    }

    fn poll<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        while !self.closed {
            while !self.waiting.is_empty() {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.waiting));
                let Ok(written @ 1..) = written else { return Poll::Ready(Err(Broken::To)) };
                self.waiting.advance(written);
                self.wrote(written);
            }
            if self.ended {
                // A side that is gone already has nothing to be told.
                let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                self.closed = true;
                break;
            }
            match self.poll_read(from, to, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                Poll::Pending => {
                    if self.unflushed {
                        let flushed = ready!(Pin::new(&mut *to).poll_flush(cx));
                        self.unflushed = false;
                        if flushed.is_err() {
                            return Poll::Ready(Err(Broken::To));
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes as much of it as is taken at once: only the rest is kept, so that a
    /// tunnel in which nothing is stuck has no buffer.
    fn poll_read<R, W>(&mut self, from: &mut R, to: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        thread_local! {
            static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; TUNNEL_BUFFER].into());
        }
        READ.with_borrow_mut(|bytes| {
            let mut buf = ReadBuf::new(bytes);
            if ready!(Pin::new(from).poll_read(cx, &mut buf)).is_err() {
                return Poll::Ready(Err(Broken::From));
            }
            let read = buf.filled();
            if read.is_empty() {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            let written = match Pin::new(to).poll_write(cx, read) {
                Poll::Pending => 0,
                Poll::Ready(Ok(written @ 1..)) => written,
                Poll::Ready(Ok(_) | Err(_)) => return Poll::Ready(Err(Broken::To)),
            };
            self.waiting = Bytes::copy_from_slice(read.get(written..).unwrap_or_default());
            self.wrote(written);
            Poll::Ready(Ok(()))
        })
    }

    fn wrote(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        self.unflushed |= bytes > 0;
    }
}

#[cfg(test)]
mod tests;
