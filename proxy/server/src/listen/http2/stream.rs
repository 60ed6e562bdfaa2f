//! A stream of HTTP/2, as a session of Pingora's whose client is waited for no longer than it may be.
//!
//! Pingora has a session of its own for streams. It waits for the body of a request for ever, and for a client that takes
//! a response as long as for each piece of it, however small or large; so this one stands around it, and waits itself.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use edgeloom_core::page;
use futures_core::Stream as Messages;
use h2::SendStream;
use http::HeaderMap;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::{Error, ErrorType, OrErr as _, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use tokio::time::timeout_at;

use super::known::Known;
use crate::listen::pace::{Pace, Wait};

/// An exchange's side of a stream.
pub(super) struct Stream {
    inner: HttpSession,
    /// Taken from Pingora's session once a response has begun: what it writes, it waits for in its own way.
    writer: Option<SendStream<Bytes>>,
    ended: bool,
    sent: usize,
    pace: Pace,
    reading: Wait,
    writing: Wait,
    /// A call of gRPC: its client owes nothing while it says nothing. The endpoint is not silent for ever either.
    converses: bool,
    /// Whether Pingora has what messages beside those of HTTP would be read from.
    lends: bool,
    known: Arc<Known>,
}

impl Stream {
    pub(super) fn new(inner: HttpSession, pace: Pace, known: Arc<Known>) -> Self {
        let converses = page::is_grpc(&inner.req_header().headers);
        Self {
            inner,
            writer: None,
            ended: false,
            sent: 0,
            pace,
            reading: pace.begin(),
            writing: pace.begin(),
            converses,
            lends: false,
            known,
        }
    }

    /// Sends as much at once as the client has room for, until it has taken all.
    async fn send(&mut self, mut data: Bytes, end: bool) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let Some(writer) = &mut self.writer else {
            return Err(Error::explain(ErrorType::H2Error, "a body before its head").into_down());
        };
        loop {
            let mut rest = Bytes::new();
            if !data.is_empty() {
                writer.reserve_capacity(data.len());
                let room = poll_fn(|cx| writer.poll_capacity(cx));
                let room = taken_in_time(room, &mut self.writing, self.pace, &self.known).await?;
                let room = room.transpose().or_err(ErrorType::WriteError, "while waiting for a window");
                match room.map_err(Error::into_down)? {
                    Some(0) => continue,
                    Some(room) => rest = data.split_off(room.min(data.len())),
                    None => return Err(Error::explain(ErrorType::WriteError, "a closed stream").into_down()),
                }
                self.writing.moved(data.len(), self.pace);
                self.sent += data.len();
            }
            let last = rest.is_empty();
            writer
                .send_data(data, end && last)
                .or_err(ErrorType::WriteError, "while writing a body")
                .map_err(Error::into_down)?;
            if last {
                self.ended = end;
                return Ok(());
            }
            data = rest;
        }
    }

    /// Until the client resets the stream, or leaves.
    async fn until_reset(&mut self) -> Result<()> {
        let reason = match &mut self.writer {
            Some(writer) => poll_fn(|cx| writer.poll_reset(cx)).await.map_err(|error| {
                Error::because(ErrorType::H2Error, "while waiting for the end of a stream", error)
            })?,
            None => self.inner.idle().await?,
        };
        Error::e_explain(ErrorType::H2Error, format!("the client has reset the stream: {reason}"))
    }
}

/// What comes of it, if it does within what the client may take. No clock is looked at for what is there at once.
async fn in_time<T>(future: impl Future<Output = T>, wait: &mut Wait, pace: Pace) -> Option<T> {
    let mut future = pin!(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(done) => Some(done),
        Poll::Pending => timeout_at(wait.until(pace), future).await.ok(),
    }
}

/// The same of what the client has to take: while it takes nothing of anything, its network is what is waited for, and the
/// connection has a pace of its own.
async fn taken_in_time<T>(
    future: impl Future<Output = T>,
    wait: &mut Wait,
    pace: Pace,
    known: &Known,
) -> Result<T> {
    let mut future = pin!(future);
    if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        return Ok(done);
    }
    let mut stalled = known.stalled();
    loop {
        if let Ok(done) = timeout_at(wait.until(pace), future.as_mut()).await {
            return Ok(done);
        }
        let longer = known.stalled().saturating_sub(stalled);
        if longer.is_zero() {
            let late = Error::explain(ErrorType::WriteTimedout, "the client takes its response too slowly");
            return Err(late.into_down());
        }
        wait.later_by(longer);
        stalled += longer;
    }
}

#[async_trait]
impl Session for Stream {
    fn req_header(&self) -> &RequestHeader {
        self.inner.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner.req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        let read = if self.converses {
            self.inner.read_body_bytes().await?
        } else {
            let Some(read) = in_time(self.inner.read_body_bytes(), &mut self.reading, self.pace).await else {
                let late = Error::explain(ErrorType::ReadTimedout, "the client sends its body too slowly");
                return Err(late.into_down());
            };
            read?
        };
        if let Some(bytes) = &read {
            self.reading.moved(bytes.len(), self.pace);
        }
        // An empty piece at the end is the end. Pingora would send it on in HTTP/1.1 as a chunk of nothing, which is the end
        // of a body there, and then the end: what is said a second time is taken for the beginning of the next request.
        let is_end = read.as_ref().is_some_and(Bytes::is_empty) && self.inner.is_body_done();
        Ok(read.filter(|_| !is_end))
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner.drain_request_body().await
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.inner.write_response_header(head, end).map_err(Error::into_down)?;
        if let Some(writer) = self.inner.take_response_body_writer() {
            self.writer = Some(writer);
            self.ended = end;
        }
        Ok(())
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.write_response_header(Box::new(head.clone()), end).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.send(data, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        if let Some(writer) = self.writer.as_mut().filter(|_| !self.ended) {
            writer
                .send_trailers(trailers)
                .or_err(ErrorType::WriteError, "while writing trailers")
                .map_err(Error::into_down)?;
            self.ended = true;
        }
        Ok(())
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut end = false;
        for task in tasks {
            end |= match task {
                HttpTask::Header(head, last) => {
                    self.write_response_header(head, last).await?;
                    last
                }
                HttpTask::Body(data, last) => {
                    // What is left open by it is ended below.
                    if let Some(data) = data.filter(|data| !data.is_empty()) {
                        self.send(data, last).await?;
                    }
                    last
                }
                HttpTask::UpgradedBody(..) => {
                    return Error::e_explain(ErrorType::InternalError, "an upgraded body on a stream");
                }
                HttpTask::Trailer(Some(trailers)) => {
                    self.write_trailers(*trailers).await?;
                    true
                }
                HttpTask::Trailer(None) | HttpTask::Done => true,
                HttpTask::Failed(error) => return Err(error),
            };
        }
        if end {
            self.finish().await?;
        }
        Ok(end)
    }

    /// Pingora sets none; ours are the pace.
    fn set_read_timeout(&mut self, _: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) {}

    fn get_write_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner.response_written()
    }

    async fn shutdown(&mut self, _: u32, _: &str) {
        if !self.ended {
            self.inner.shutdown();
        }
    }

    fn is_body_done(&mut self) -> bool {
        self.inner.is_body_done()
    }

    async fn finish(&mut self) -> Result<()> {
        if self.writer.is_some() && !self.ended {
            return self.send(Bytes::new(), true).await;
        }
        Ok(())
    }

    fn is_body_empty(&mut self) -> bool {
        self.inner.is_body_empty()
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.inner.is_body_done() {
            return self.until_reset().await.map(|()| None);
        }
        self.read_body_bytes().await
    }

    fn body_bytes_sent(&self) -> usize {
        self.sent
    }

    fn body_bytes_read(&self) -> usize {
        self.inner.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner.pseudo_raw_h1_request_header()
    }

    fn enable_retry_buffering(&mut self) {
        self.inner.enable_retry_buffering();
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.inner.retry_buffer_truncated()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.inner.get_retry_buffer()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    /// There are no messages beside those of HTTP, and Pingora asks for them all the same where the endpoint is reached in
    /// a way of ours, too: for the reader first there, and elsewhere for the writer.
    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Messages<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        self.lends = true;
        Some(Box::new(NoMessages))
    }

    fn restore_custom_message_reader(
        &mut self,
        _: Box<dyn Messages<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>,
    ) -> Result<()> {
        self.lends = false;
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        if self.lends { Some(Box::new(())) } else { None }
    }

    fn restore_custom_message_writer(&mut self, _: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}

/// Messages that never come.
struct NoMessages;

impl Messages for NoMessages {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}
