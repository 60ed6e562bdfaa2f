//! A request on an HTTP/2 connection to an endpoint, with times of its own: other requests share the connection, and it
//! is not cut off for one of them.

mod body; // what is sent

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use edgeloom_config::Spoken;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRAILER};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri, Version};
use pingora_core::protocols::http::custom::client::Session;
use pingora_core::protocols::http::custom::{BodyWrite, CustomMessageWrite};
use pingora_core::protocols::http::v2::client::Http2Session;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::{Digest, UniqueIDType};
use pingora_core::{Error, ErrorType, OrErr as _, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use tokio::sync::Notify;

use body::Body;

use crate::limits::STREAM_END_MAX;

/// One stream.
pub(crate) struct Http2 {
    session: Http2Session,
    /// Whether the connection is in secret, as `:scheme` says.
    secure: bool,
    /// Whether the endpoint may be asked in HTTP/1.1 as well.
    negotiated: bool,
    /// Until the head of the response.
    patience: Option<Duration>,
    times: Times,
    given_up: Option<GivenUp>,
    /// Whether what is read now is given up for having been silent, and not because a time is up.
    listening: bool,
    write_timeout: Option<Duration>,
    /// Whether the head was all there is of the request.
    bodiless: bool,
    /// Whether the endpoint has taken nothing of the body for too long.
    stuck: Arc<AtomicBool>,
    wants_http1: bool,
    /// How much of the body is still to come, where it is announced and would be all of the response.
    left: Option<u64>,
    /// All of it has come, and its end is not waited for any longer.
    whole: bool,
}

/// How long an endpoint may take over one request. It goes along with the request's head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// When the head of the response must have come.
    pub(crate) head: Option<Instant>,
    /// Between two pieces of its body.
    pub(crate) silence: Option<Duration>,
    /// When all of it must have come.
    pub(crate) total: Option<Instant>,
    /// Whether nothing is passed on of what comes behind the body.
    pub(crate) ends_with_body: bool,
}

/// Tells who waits for an answer that its request will not be sent to its end. It goes along with the request's head, too:
/// Pingora takes an error of ours while it sends a body for the end of that, and waits for the endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp(Arc<Notify>);

impl GivenUp {
    pub(crate) fn tell(&self) {
        self.0.notify_one();
    }

    /// What is read, unless that happens first.
    async fn unless<T>(given_up: Option<Self>, read: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(Self(told)) = given_up else { return read.await };
        tokio::select! {
            biased;
            () = told.notified() => Err(Error::explain(ErrorType::InternalError, "the request was given up")),
            read = read => read,
        }
    }
}

impl Http2 {
    pub(super) fn new(session: Http2Session, secure: bool, spoken: Spoken) -> Self {
        Self {
            session,
            secure,
            negotiated: spoken == Spoken::Auto,
            patience: None,
            listening: false,
            times: Times::default(),
            given_up: None,
            write_timeout: None,
            bodiless: false,
            stuck: Arc::default(),
            wants_http1: false,
            left: None,
            whole: false,
        }
    }

    pub(super) fn into_inner(self) -> Http2Session {
        self.session
    }

    /// Whether the endpoint has said that it would rather be asked in HTTP/1.1.
    pub(super) fn wants_http1(&self) -> bool {
        self.wants_http1
    }

    /// What is read next may come after that much silence, but not after it is due.
    fn wait_for(&mut self, silence: Option<Duration>, due: Option<Instant>) {
        let now = Instant::now();
        let left =
            due.into_iter().chain(self.times.total).min().map(|due| due.saturating_duration_since(now));
        self.listening = silence.is_some_and(|silence| left.is_none_or(|left| silence < left));
        self.session.read_timeout = if self.listening { silence } else { left };
    }

    fn wait_for_more(&mut self) {
        self.wait_for(self.times.silence.or(self.patience), None);
    }

    /// What an error while reading means.
    fn judged(&mut self, mut error: Box<Error>) -> Box<Error> {
        if self.stuck.load(Ordering::Relaxed) {
            return Error::because(ErrorType::WriteTimedout, "the endpoint does not take the request", error);
        }
        match error.etype() {
            // Who has said nothing for that long may have gone: no others are sent there. That one request was to
            // be answered sooner says nothing of the others.
            ErrorType::ReadTimedout if self.listening => self.session.conn.mark_shutdown(),
            ErrorType::H2Downgrade | ErrorType::InvalidH2 if self.negotiated => {
                self.wants_http1 = true;
                self.session.conn.mark_shutdown();
            }
            ErrorType::H2Downgrade | ErrorType::InvalidH2 => error.set_retry(false),
            _ => {}
        }
        error
    }

    /// The library below takes a response to be whole that ends before all has come that its head announces.
    fn check_length(&self) -> Result<()> {
        if !self.session.response_finished() || self.announced().is_none_or(|length| length == 0) {
            return Ok(());
        }
        Err(Error::explain(ErrorType::H2Error, "the head announces a body, and ends the response"))
    }

    /// How long a body the head of the response announces. One that is no number, the library does not let pass.
    fn announced(&self) -> Option<u64> {
        let header = self.session.response_header()?;
        let asked = self.session.request_header().map(|asked| &asked.method);
        let bodiless = asked == Some(&Method::HEAD)
            || matches!(header.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = header.headers.get(CONTENT_LENGTH).filter(|_| !bodiless)?;
        length.to_str().ok()?.parse().ok()
    }

    /// What has to come before the response is whole, if that can be told without the end of the stream.
    fn expected(&self) -> Option<u64> {
        let announces_more =
            self.session.response_header().is_none_or(|header| header.headers.contains_key(TRAILER));
        if self.times.ends_with_body && !announces_more { self.announced() } else { None }
    }

    /// All that was announced has come. Many say that it is the end in a frame of its own, which is on its way; but who
    /// never says it has the stream reset, and the client is not kept waiting.
    async fn read_end(&mut self) -> Result<Option<Bytes>> {
        if self.whole {
            return Ok(None);
        }
        let silence = self.times.silence.map_or(STREAM_END_MAX, |silence| silence.min(STREAM_END_MAX));
        self.wait_for(Some(silence), None);
        match self.session.read_response_body().await {
            Err(error) if *error.etype() == ErrorType::ReadTimedout => {
                self.whole = true;
                Ok(None)
            }
            read => read.map_err(|error| self.judged(error)),
        }
    }
}

/// Puts the host where HTTP/2 has it.
///
/// # Errors
///
/// Where it is none that an address can be made of.
fn address(head: &mut RequestHeader, secure: bool) -> Result<()> {
    let host = head.remove_header(&HOST);
    let authority = match (host, head.uri.authority()) {
        (Some(host), _) => Authority::try_from(host.as_bytes())
            .or_err(ErrorType::InvalidHTTPHeader, "the host is no authority")?,
        (None, Some(authority)) => authority.clone(),
        (None, None) => {
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "a request without a host"));
        }
    };
    let target = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
    head.set_uri(uri.or_err(ErrorType::InvalidHTTPHeader, "the target of a request")?);
    head.set_version(Version::HTTP_2);
    Ok(())
}

#[async_trait]
impl Session for Http2 {
    async fn write_request_header(&mut self, mut head: Box<RequestHeader>, end: bool) -> Result<()> {
        if let Some(times) = head.extensions_mut().remove::<Times>() {
            self.times = times;
        }
        self.given_up = head.extensions_mut().remove();
        address(&mut head, self.secure)?;
        self.bodiless = end;
        self.session.write_request_header(head, end)
    }

    async fn write_request_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.session.write_request_body(data, end).await
    }

    async fn finish_request_body(&mut self) -> Result<()> {
        self.session.finish_request_body()
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.patience = timeout;
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
        self.session.write_timeout = timeout;
    }

    async fn read_response_header(&mut self) -> Result<()> {
        self.wait_for(self.patience, self.times.head);
        let read = GivenUp::unless(self.given_up.clone(), self.session.read_response_header()).await;
        let read = read.and_then(|()| self.check_length());
        self.left = self.expected();
        read.map_err(|error| self.judged(error))
    }

    async fn read_response_body(&mut self) -> Result<Option<Bytes>> {
        if self.left == Some(0) {
            return self.read_end().await;
        }
        self.wait_for_more();
        let read = GivenUp::unless(self.given_up.clone(), self.session.read_response_body()).await;
        if let (Some(left), Ok(Some(bytes))) = (&mut self.left, &read) {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        read.map_err(|error| self.judged(error))
    }

    async fn read_trailers(&mut self) -> Result<Option<HeaderMap>> {
        if self.whole {
            return Ok(None);
        }
        self.wait_for_more();
        let read = self.session.read_trailers().await;
        read.map_err(|error| self.judged(error))
    }

    fn response_finished(&self) -> bool {
        self.session.response_finished()
    }

    async fn check_response_end_or_error(&mut self, _: bool) -> Result<bool> {
        self.session.check_response_end_or_error()
    }

    async fn shutdown(&mut self, _: u32, _: &str) {
        self.session.shutdown();
    }

    fn response_header(&self) -> Option<&ResponseHeader> {
        self.session.response_header()
    }

    fn was_upgraded(&self) -> bool {
        false
    }

    /// None: this is how it is told from a connection that is one exchange's own.
    fn digest(&self) -> Option<&Digest> {
        None
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        None
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.session.server_addr()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.session.client_addr()
    }

    fn fd(&self) -> UniqueIDType {
        self.session.fd()
    }

    fn take_request_body_writer(&mut self) -> Option<Box<dyn BodyWrite>> {
        let stream = self.session.take_request_body_writer()?;
        Some(Box::new(Body {
            stream,
            ended: self.bodiless,
            timeout: self.write_timeout,
            stuck: Arc::clone(&self.stuck),
        }))
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(
        &mut self,
    ) -> Option<Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>> {
        Some(Box::new(Nothing))
    }

    async fn drain_custom_messages(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        Some(Box::new(()))
    }
}

/// The messages beside a response, which HTTP has not.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}
