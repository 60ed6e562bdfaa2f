//! The way of a request. Read the modules in this order.

mod identify; // who is asking
mod forward; // what we say of them to whoever answers
mod route; // what they asked for
mod request_chain; // what our filters say to it
mod body; // how much more they may send
mod upstream; // who answers
mod turn; // when they are asked, and when the client is told
mod hop; // what neither side tells the other's
pub(crate) mod mirror; // who is sent a copy
mod response_chain; // what our filters say to the answer
mod tunnel; // what goes on in another protocol
mod trailers; // what comes behind a body
pub(crate) mod compress; // what becomes of its body
pub(crate) mod answer; // an answer of our own
mod log; // what we remember

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use edgeloom_core::verdict::Answer;
use http::{HeaderMap, HeaderValue};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::exchange::Exchange;
use crate::generation::Generations;
use crate::lines::Lines;
use crate::listen::tls::Tls;
use crate::listen::{Excess, Refusal};
use crate::metrics::Metrics;
use crate::rescue::{self, Failure};
use crate::upstreams::{Connector, is_used};

pub(crate) use mirror::Mirrored;
pub(crate) use upstream::Chosen;

/// What serves the exchanges of one listener.
pub(crate) struct Edge {
    pub(crate) generations: Arc<Generations>,
    /// The position of the listener in the configuration that the process was started with.
    pub(crate) listener: usize,
    /// The port that it accepts on, as `x-forwarded-port` says it.
    pub(crate) port: Option<HeaderValue>,
    pub(crate) log: Lines,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) admission: &'static Admission,
    /// Whether a shutdown has waited for as long as it may.
    pub(crate) cut: watch::Receiver<bool>,
}

/// The way of a request, as Pingora calls it; and what connects to endpoints where Pingora does not.
pub(crate) struct Way(pub(crate) Arc<Edge>, pub(crate) Connector);

pub(crate) use tunnel::Tunnel;

/// Where a request goes from here.
enum Flow {
    Onward,
    Answer(Answer),
}

#[async_trait]
impl ProxyHttp for Way {
    /// In a box: Pingora would move it from one future into the next, and each would make room for it.
    type CTX = Box<Exchange>;

    fn new_ctx(&self) -> Box<Exchange> {
        Box::new(Exchange::begin(self.0.generations.begin()))
    }

    /// None: compression is no business of ours, and each costs every request.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<()> {
        identify::settle(session, &exchange.generation.limits);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<bool> {
        match self.0.receive(session, exchange) {
            Ok(Flow::Onward) => match tunnel::asked(session, exchange) {
                None => Ok(false),
                // In a box: hardly any request is one, and all would make room for it.
                Some(protocol) => {
                    exchange.switches = true;
                    Box::pin(tunnel::serve(self, session, exchange, &protocol)).await.map(|()| true)
                }
            },
            Ok(Flow::Answer(made)) => answer::send(session, exchange, made).await.map(|()| true),
            Err(failure) => rescue::send(session, exchange, failure).await.map(|()| true),
        }
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Box<Exchange>,
    ) -> Result<Box<HttpPeer>> {
        // What was sent before is sent anew.
        exchange.body = 0;
        upstream::pick(session, exchange).await
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        exchange: &mut Box<Exchange>,
        error: Box<Error>,
    ) -> Box<Error> {
        upstream::unreachable(session, exchange, error)
    }

    async fn connected_to_upstream(
        &self,
        session: &mut Session,
        _: bool,
        _: &HttpPeer,
        connection: std::os::fd::RawFd,
        digest: Option<&Digest>,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        // A stream among others on a connection has none.
        let (used, shared) = (digest.is_some_and(is_used), digest.is_none());
        upstream::connected(exchange, connection, used, shared);
        upstream::take_head(session, exchange, digest);
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        upstream::sending(session, request, exchange)?;
        mirror::begin(session, exchange);
        trailers::ask_for_them(session, request)?;
        turn::wait_for_the_others().await;
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        body::count(body.as_ref(), exchange)?;
        mirror::pass(body.as_ref(), end, exchange);
        Ok(())
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        exchange: &mut Box<Exchange>,
        reused: bool,
    ) -> Box<Error> {
        upstream::failed(session, exchange, error, reused)
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<Option<Duration>> {
        upstream::progressed(exchange).map(|()| None)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        header: &mut ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        upstream::heard(session, header, exchange)?;
        hop::end(session, header);
        answer::say_if_it_is_the_last(session);
        response_chain::pass(header, exchange)?;
        upstream::name(header, exchange);
        compress::begin(session, header, exchange)?;
        turn::wait_for_the_others().await;
        Ok(())
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<Option<Duration>> {
        compress::pass(body, end, exchange).map(|()| None)
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Session,
        trailers: &mut HeaderMap,
        exchange: &mut Box<Exchange>,
    ) -> Result<Option<Bytes>> {
        exchange.grpc_status = trailers::grpc_status(trailers);
        compress::end(exchange)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Box<Exchange>,
    ) -> FailToProxy {
        let cut = *self.0.cut.borrow();
        rescue::fail(session, error, exchange, cut).await
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, exchange: &mut Box<Exchange>) {
        upstream::ended(exchange);
        log::write(&self.0, session, exchange);
        body::hear_out(session, exchange).await;
    }

    /// Never: the access log says what became of an exchange, in one line.
    fn suppress_error_log(&self, _: &Session, _: &Box<Exchange>, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Box<Exchange>,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

impl Edge {
    /// How the listener speaks TLS now, if it does.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.generations.current().tls(self.listener).map(Arc::clone)
    }

    /// Something did not become an exchange.
    pub(crate) fn refused(&self, peer: Option<SocketAddr>, refusal: &Refusal) {
        log::refused(self, peer, refusal);
    }

    /// A connection was ended for what its client did.
    pub(crate) fn ended(&self, peer: SocketAddr, excess: Excess) {
        log::ended(self, peer, excess);
    }

    fn choose_and_run(&self, exchange: &mut Exchange) -> Result<Flow, Failure> {
        if exchange.admitted.is_none() {
            self.metrics.busy.add();
            return Err(Failure::Busy);
        }
        route::choose(exchange)?;
        request_chain::run(exchange)
    }

    /// Everything that happens before an upstream is involved. Waits for nothing.
    fn receive(&self, session: &mut Session, exchange: &mut Exchange) -> Result<Flow, Failure> {
        exchange.admitted = self.admission.admit(exchange.generation.limits.exchanges);
        let parts = identify::take(session, exchange, self)?;
        let flow = answer::to_https(exchange, self.listener).unwrap_or_else(|| self.choose_and_run(exchange));
        identify::give_back(session, exchange, parts);
        body::check_length(session, exchange)?;
        match flow? {
            Flow::Onward => answer::of_route(session, exchange),
            answered @ Flow::Answer(_) => Ok(answered),
        }
    }
}
