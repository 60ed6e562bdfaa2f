//! The bytes of one accepted connection, message by message.
//!
//! Where a request begins and ends is decided here, and Pingora never sees a
//! byte of the next one: so every head has been looked at strictly, every body
//! is framed as it must be, and a connection always waits for its next request
//! here, where it holds next to nothing.
//!
//! It is here, too, that a client is waited for no longer than it may be:
//! Pingora bounds each read, not a whole head, nor a body that drips in.

mod lines; // the head of a message
mod parting; // what is said before it ends
mod streamed; // its bytes where they are frames
mod stream; // as Pingora sees it
mod tunnel; // as another protocol does

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use edgeloom_config::Limits;
use edgeloom_core::wire::body::Rest;
use edgeloom_core::wire::head::Look;
use http::HeaderMap;
use pingora_core::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::census::Room;
use super::http2::Watched;
use super::pace::{Pace, Wait};
use super::refusal::Refusal;
use super::relay::Relay;
use crate::limits::{READ_BUFFER, WRITE_BUFFER};

/// RFC 9113 section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection.
pub(crate) struct Connection {
    /// What it takes of all that there may be. Given back before the stream is closed.
    room: Option<Room>,
    stream: Stream,
    /// Bytes that were read before anybody asked for them.
    ahead: Vec<u8>,
    /// How many of these have been asked for since.
    ahead_at: usize,
    /// What is written next, gathered so that a head and a small body go out together.
    out: Vec<u8>,
    reading: Reading,
    /// An exchange has begun: what is written now is its answer. Atomic because Pingora lends the
    /// stream of a session only by shared reference.
    answering: AtomicBool,
    /// How many more requests there may be.
    requests: u32,
    pace: Pace,
    waits: Waits,
    /// Rings at the deadline at hand, or before it: it is set anew only when it has rung, because
    /// setting a timer costs more than looking at the clock, and hardly any deadline passes.
    timer: Option<Pin<Box<Sleep>>>,
    /// All header lines of the head at hand: of these, Pingora is given those that frame the message.
    lines: Mutex<Option<HeaderMap>>,
    /// What is passed on instead of being written, and how it ended.
    tunnel: Mutex<Option<Box<Relay>>>,
    /// Of HTTP/2.
    watched: Option<Box<Watched>>,
    /// Told what was refused before there was an exchange.
    refused: Box<dyn Fn(&Refusal) + Send + Sync>,
}

/// What may be read.
enum Reading {
    /// So many bytes of a head, all of which are there; then its body.
    Head(usize, Rest),
    Body(Rest),
    /// All that comes: frames, or another protocol.
    All,
}

/// How much the client was waited for in the exchange at hand.
struct Waits {
    read: Wait,
    write: Wait,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        limits: &Limits,
        refused: impl Fn(&Refusal) + Send + Sync + 'static,
    ) -> Self {
        let pace = Pace::of(limits);
        Self {
            room: None,
            stream,
            ahead: Vec::new(),
            ahead_at: 0,
            out: Vec::new(),
            reading: Reading::All,
            answering: AtomicBool::new(false),
            requests: limits.requests_per_connection,
            pace,
            waits: Waits { read: pace.begin(), write: pace.begin() },
            timer: None,
            lines: Mutex::default(),
            tunnel: Mutex::default(),
            watched: None,
            refused: Box::new(refused),
        }
    }

    /// Takes this until it has ended, and been heard out.
    pub(super) fn within(mut self, room: Room) -> Self {
        self.room = Some(room);
        self
    }

    /// The connection beneath a session's stream, if it is one of ours.
    pub(crate) fn beneath(stream: &Stream) -> Option<&Self> {
        (**stream).as_any().downcast_ref()
    }

    /// Whether nobody else can read what goes over it.
    pub(super) fn is_secure(&self) -> bool {
        self.stream.get_ssl_digest().is_some()
    }

    /// An exchange has begun: what is written from now on is its answer.
    pub(crate) fn exchange_has_begun(&self) {
        self.answering.store(true, Ordering::Relaxed);
    }

    /// Whether the client may send no other request after the one at hand.
    pub(crate) fn is_at_its_last_request(&self) -> bool {
        self.requests == 0
    }

    /// Whether all of the last message has been read, so that what comes next is a head.
    pub(super) fn is_between_messages(&self) -> bool {
        matches!(&self.reading, Reading::Body(rest) if rest.has_ended())
    }

    /// Waits for a whole head, and looks at it; `false` if the client has gone, or said nothing for too long.
    ///
    /// # Errors
    ///
    /// Where what comes is no request, or too large, or too slow.
    pub(super) async fn head(&mut self, limits: &Limits) -> Result<bool, Refusal> {
        self.forget();
        self.answering.store(false, Ordering::Relaxed);
        if self.out.is_empty() {
            self.out = Vec::new();
        }
        let mut look = Look::default();
        let mut begun = !self.ahead.is_empty();
        // The clock is looked at only where there is a wait.
        let (mut deadline, mut within) = (None, if begun { limits.head } else { limits.keepalive });
        loop {
            if begun && self.look_at_head(&mut look, limits)? {
                return Ok(true);
            }
            let read = poll_fn(|cx| match self.poll_ahead(cx) {
                Poll::Pending => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + within);
                    self.poll_late(cx, deadline).map(Err)
                }
                read @ Poll::Ready(_) => read,
            });
            match read.await {
                Ok(()) => {}
                Err(error) if begun && error.kind() == io::ErrorKind::TimedOut => return Err(Refusal::Late),
                Err(_gone_or_silent) => return Ok(false),
            }
            if !begun {
                begun = true;
                (deadline, within) = (None, limits.head);
            }
        }
    }

    /// Reads as much as tells HTTP/2 by prior knowledge from HTTP/1.
    ///
    /// # Errors
    ///
    /// Where the client hangs up or says nothing for too long.
    pub(super) async fn look_for_preface(&mut self, limits: &Limits) -> io::Result<()> {
        let mut deadline = Instant::now() + limits.keepalive;
        while self.ahead.len() < PREFACE.len() && PREFACE.starts_with(&self.ahead) {
            let first = self.ahead.is_empty();
            let more = poll_fn(|cx| match self.poll_ahead(cx) {
                Poll::Pending => self.poll_late(cx, deadline).map(Err),
                read @ Poll::Ready(_) => read,
            });
            match more.await {
                Err(error) if !first && error.kind() == io::ErrorKind::UnexpectedEof => break,
                read => read?,
            }
            if first {
                deadline = Instant::now() + limits.head;
            }
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

    /// Lets go of what was read ahead and has been asked for.
    fn forget(&mut self) {
        if self.ahead_at == self.ahead.len() {
            self.ahead = Vec::new();
        } else {
            self.ahead.drain(..self.ahead_at);
        }
        self.ahead_at = 0;
    }

    /// The error, if the deadline has passed; wakes the task when it does.
    fn poll_late(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Error> {
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

    /// Keeps what is written until it is flushed or more than fits.
    fn poll_gather(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() + bytes.len() > WRITE_BUFFER {
            ready!(self.poll_out(cx))?;
        }
        if bytes.len() >= WRITE_BUFFER {
            return self.poll_through(cx, bytes);
        }
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes what was kept.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            let polled = self.poll_through(cx, &out);
            self.out = out;
            let written = ready!(polled)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes to the client, who has to take it in time.
    fn poll_through(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(written)) => {
                self.waits.write.moved(written, self.pace);
                if let Some(watched) = &self.watched {
                    watched.known.flows();
                }
                Poll::Ready(Ok(written))
            }
            Poll::Pending => {
                if let Some(watched) = &self.watched {
                    watched.known.stalls();
                }
                self.poll_untaken(cx).map(Err)
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }

    fn poll_untaken(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let until = self.waits.write.until(self.pace);
        self.poll_late(cx, until)
    }

    /// What is there of the head.
    fn read_head(&mut self, buf: &mut ReadBuf<'_>, left: usize, rest: Rest) {
        let given = left.min(buf.remaining());
        let end = self.ahead_at + given;
        buf.put_slice(self.ahead.get(self.ahead_at..end).unwrap_or_default());
        self.ahead_at = end;
        self.reading = if given == left { Reading::Body(rest) } else { Reading::Head(left - given, rest) };
        if self.ahead_at == self.ahead.len() {
            self.forget();
        }
    }

    /// What there is of the body, and no byte more.
    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        mut rest: Rest,
    ) -> Poll<io::Result<()>> {
        if self.ahead_at < self.ahead.len() {
            let end = self.ahead.len().min(self.ahead_at + buf.remaining());
            let there = self.ahead.get(self.ahead_at..end).unwrap_or_default();
            let taken = rest.take(there).map_err(malformed)?;
            buf.put_slice(there.get(..taken).unwrap_or_default());
            self.ahead_at += taken;
            self.reading = Reading::Body(rest);
            if self.ahead_at == self.ahead.len() {
                self.forget();
            }
            return Poll::Ready(Ok(()));
        }
        let room = rest.at_most().and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let mut piece = ReadBuf::new(buf.initialize_unfilled_to(room.min(buf.remaining())));
        if Pin::new(&mut self.stream).poll_read(cx, &mut piece)?.is_pending() {
            let until = self.waits.read.until(self.pace);
            return self.poll_late(cx, until).map(Err);
        }
        let read = piece.filled();
        self.waits.read.moved(read.len(), self.pace);
        let taken = rest.take(read).map_err(malformed)?;
        self.ahead.extend_from_slice(read.get(taken..).unwrap_or_default());
        buf.advance(taken);
        self.reading = Reading::Body(rest);
        Poll::Ready(Ok(()))
    }

    /// The request has ended: nothing more is read of the client, but it is noticed when it hangs up.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.is_empty() {
            match ready!(self.poll_ahead(cx)) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Poll::Ready(Ok(())),
                read => read?,
            }
        }
        // The next request waits for its turn.
        Poll::Pending
    }
}

fn malformed(fault: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

#[cfg(test)]
mod tests;
