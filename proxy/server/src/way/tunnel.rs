//! Requests that ask to go on in another protocol: WebSocket, as a rule.
//!
//! Pingora would pass them on, but may end a tunnel as soon as it is open: it takes the end of the
//! request's empty body for the end of what the client has to say. So the endpoint is asked here, with
//! its own hooks, and what follows its consent is passed on by [`Relay`].

mod handshake; // which heads are sent, and which are believed

use std::future::{pending, ready};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession as Upstream;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::{ProxyHttp as _, Session};

use crate::exchange::Exchange;
use crate::limits::TRIES_MAX;
use crate::listen::{Connection, Ending, Passed, Relay};
use crate::way::{Way, upstream};

pub(super) use handshake::asked;

/// A connection that went on in another protocol.
pub(crate) struct Tunnel {
    /// As the client named it.
    pub(crate) protocol: Box<str>,
    /// When the client was told that it is open.
    pub(crate) opened: Instant,
    pub(crate) passed: Passed,
    pub(crate) ending: Ending,
}

/// Asks an endpoint, and passes on what it says: its consent and all that follows, or another response.
///
/// # Errors
///
/// Where there is no endpoint to ask, or it or the client fails before the tunnel is open.
pub(super) async fn serve(
    way: &Way,
    session: &mut Session,
    exchange: &mut Box<Exchange>,
    protocol: &str,
) -> Result<()> {
    let (stream, peer) = connect(way, session, exchange).await?;
    let answered = ask(way, session, exchange, protocol, (stream, &peer)).await;
    let (mut upstream, header) =
        answered.map_err(|error| way.error_while_proxy(&peer, session, error, exchange, false))?;
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        return open(way, session, exchange, protocol, (upstream, header)).await;
    }
    let passed = pass(way, session, exchange, (&mut upstream, header)).await;
    passed.map_err(|error| way.error_while_proxy(&peer, session, error, exchange, false))
}

/// Connects to the endpoint whose turn it is or, as often as may be tried, to another.
async fn connect(
    way: &Way,
    session: &mut Session,
    exchange: &mut Box<Exchange>,
) -> Result<(Stream, Box<HttpPeer>)> {
    let mut tries = 0;
    loop {
        let peer = way.upstream_peer(session, exchange).await?;
        tries += 1;
        // There is no upgrade in HTTP/2.
        match way.1.stream_for_http1(&*peer).await {
            Ok(stream) => {
                upstream::connected(exchange, stream.id(), false, false);
                return Ok((stream, peer));
            }
            Err(mut error) => {
                error.as_up();
                let error = way.fail_to_connect(session, &peer, exchange, error);
                if tries == TRIES_MAX || !error.retry() {
                    return Err(error);
                }
            }
        }
    }
}

/// Sends the request's head, and waits for the head of the response.
async fn ask(
    way: &Way,
    session: &mut Session,
    exchange: &mut Box<Exchange>,
    protocol: &str,
    (stream, peer): (Stream, &HttpPeer),
) -> Result<(Upstream, ResponseHeader)> {
    let mut head = handshake::request(session.req_header(), protocol)?;
    way.upstream_request_filter(session, &mut head, exchange).await?;
    let mut upstream = Upstream::new_with_options(stream, peer);
    upstream.read_timeout = peer.options.read_timeout;
    upstream.write_timeout = peer.options.write_timeout;
    upstream.write_request_header(Box::new(head)).await.map_err(Error::into_up)?;
    loop {
        tokio::select! {
            biased;
            heard = upstream.read_response() => { heard.map_err(Error::into_up)?; }
            gone = hangs_up(session) => return Err(gone),
        }
        let Some(header) = upstream.resp_header() else {
            return Err(Error::explain(ErrorType::InternalError, "a response without a head").into_in());
        };
        let mut header = header.clone();
        if header.status == StatusCode::SWITCHING_PROTOCOLS {
            handshake::check_consent(&header, protocol)?;
        } else if header.status.is_informational() {
            session
                .downstream_session
                .write_response_header(Box::new(header))
                .await
                .map_err(Error::into_down)?;
            continue;
        }
        handshake::strip_response(&mut header, protocol)?;
        return Ok((upstream, header));
    }
}

/// The client has gone: nobody waits for what the endpoint is still pondering. What it says early is kept for the tunnel.
async fn hangs_up(session: &mut Session) -> Box<Error> {
    match session.downstream_session.read_body_or_idle(true).await {
        Err(gone) => gone.into_down(),
        Ok(_) => pending().await,
    }
}

/// Passes on a response that is no consent, as any other.
async fn pass(
    way: &Way,
    session: &mut Session,
    exchange: &mut Box<Exchange>,
    (upstream, mut header): (&mut Upstream, ResponseHeader),
) -> Result<()> {
    handshake::frame(&mut header)?;
    way.response_filter(session, &mut header, exchange).await?;
    session.write_response_header(Box::new(header), false).await.map_err(Error::into_down)?;
    while let Some(bytes) = upstream.read_body_bytes().await.map_err(Error::into_up)? {
        way.upstream_response_body_filter(session, &mut None, false, exchange)?;
        session.write_response_body(Some(bytes), false).await.map_err(Error::into_down)?;
    }
    session.write_response_body(None, true).await.map_err(Error::into_down)
}

/// Passes on the consent, and all that follows it, until both sides have closed.
async fn open(
    way: &Way,
    session: &mut Session,
    exchange: &mut Box<Exchange>,
    protocol: &str,
    (mut upstream, mut header): (Upstream, ResponseHeader),
) -> Result<()> {
    way.response_filter(session, &mut header, exchange).await?;
    // Filters see the head and may edit it, but the connection is switched.
    header.set_status(StatusCode::SWITCHING_PROTOCOLS)?;
    let idle = exchange.route().map(|route| route.upgrades.idle).unwrap_or_default();
    // What the endpoint sent right behind its consent.
    let behind = at_once(upstream.read_body_bytes()).await.map_err(Error::into_up)?;
    session.downstream_session.write_response_header(Box::new(header)).await.map_err(Error::into_down)?;
    let opened = Instant::now();
    let relay = Relay::new(upstream.into_inner(), behind, idle);
    let open = way.0.metrics.tunnels.open();
    match session.stream().and_then(Connection::beneath) {
        Some(connection) => connection.tunnel(relay),
        None => return Err(Error::explain(ErrorType::InternalError, "not a connection of ours").into_in()),
    }
    let mut cut = way.0.cut.clone();
    let flushed = tokio::select! {
        // All that is left to write to the client comes from the endpoint: flushing it is the tunnel.
        flushed = session.downstream_session.finish_body() => flushed,
        _ = cut.wait_for(|cut| *cut) => Ok(()),
    };
    drop(open);
    let connection = session.stream().and_then(Connection::beneath);
    // One that has ended by itself stays as it is.
    connection.into_iter().for_each(Connection::cut_tunnel);
    let tunnelled = connection.and_then(Connection::tunnelled);
    exchange.tunnel = tunnelled
        .map(|(passed, ending)| Box::new(Tunnel { protocol: protocol.into(), opened, passed, ending }));
    // The client is gone then, which is an end of a tunnel like others.
    flushed.or(Ok(()))
}

/// What there is without waiting for it.
async fn at_once(read: impl Future<Output = Result<Option<Bytes>>>) -> Result<Bytes> {
    tokio::select! {
        biased;
        read = read => Ok(read?.unwrap_or_default()),
        () = ready(()) => Ok(Bytes::new()),
    }
}
