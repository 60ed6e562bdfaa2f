//! Who answers, and what is done when they do not.

mod choice; // which endpoint
mod again; // whether another, once it has failed

use std::future::pending;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use edgeloom_core::cluster::Balance;
use edgeloom_core::retry::{Trouble, is_trouble};
use http::header::{CONTENT_LENGTH, HOST, SET_COOKIE};
use http::{StatusCode, Version};
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::v1::client::http_req_header_to_wire;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::exchange::{Attempt, Exchange, Tried};
use crate::generation::Cluster;
use crate::listen::is_stream;
use crate::rescue::Failure;
use crate::upstreams::endpoint::Busy;
use crate::upstreams::{GivenUp, Sent, Times, Watch};
use crate::way::hop;

pub(super) use again::{failed, unreachable};
pub(crate) use choice::Chosen;

/// The endpoint to ask: the first, or another after one that has failed. Waits where the cluster has its hands full.
pub(super) async fn pick(session: &mut Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
    let chosen = match exchange.next.take() {
        Some(chosen) => Ok(chosen),
        None => choice::choose(exchange, &session.req_header().headers),
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(failure) => return Err(nobody(exchange, failure)),
    };
    enter(session, exchange, &chosen).await?;
    begin(session, exchange, chosen).ok_or_else(|| nobody(exchange, Failure::NoEndpoint))
}

fn nobody(exchange: &mut Exchange, failure: Failure) -> Box<Error> {
    exchange.failure = Some(failure);
    Error::explain(ErrorType::ConnectError, "nobody to ask")
}

/// Takes a place in the cluster, where it has only so many, for as long as the exchange lasts. Ends when the client has
/// gone, too: its place in the queue is for others then.
async fn enter(session: &mut Session, exchange: &mut Exchange, chosen: &Chosen) -> Result<()> {
    let Some(cluster) = exchange.generation.cluster(chosen.cluster) else {
        return Err(nobody(exchange, Failure::NoEndpoint));
    };
    let load = cluster.plan.load;
    let Some(most) = load.requests else { return Ok(()) };
    if exchange.inside.as_ref().is_some_and(|(inside, _)| *inside == chosen.cluster) {
        return Ok(());
    }
    let entering = cluster.upstream.gate.enter(most, load.waiting, load.wait);
    // In a box: else every exchange would make room for it.
    let entered = Box::pin(async {
        tokio::select! {
            biased;
            entered = entering => Ok(entered),
            gone = hangs_up(session) => Err(gone),
        }
    });
    if let Some(inside) = entered.await? {
        exchange.inside = Some((chosen.cluster, inside));
        return Ok(());
    }
    cluster.upstream.counts.overloads.add();
    Err(nobody(exchange, Failure::Overloaded))
}

/// The client has gone. While it has still to send its request, that can not be told without reading it.
async fn hangs_up(session: &mut Session) -> Box<Error> {
    if !is_stream(session) && !session.as_mut().is_body_done() {
        return pending().await;
    }
    match session.downstream_session.read_body_or_idle(true).await {
        Err(gone) => gone.into_down(),
        Ok(_) => pending().await,
    }
}

/// Begins a try at the endpoint that was chosen.
fn begin(session: &Session, exchange: &mut Exchange, chosen: Chosen) -> Option<Box<HttpPeer>> {
    set_aside(exchange);
    let Chosen { cluster: id, members, position, probe, names } = chosen;
    let total = deadline(exchange, |cluster| cluster.plan.timeouts.total);
    let cluster = exchange.generation.cluster(id)?;
    let member = members.as_deref().or_else(|| cluster.roster.fixed())?.get(position)?;
    member.endpoint.ask();
    let mut peer = Box::new(member.peer.clone());
    cluster.roster.reach().introduce(member, &mut peer, || ends(session, exchange));
    if exchange.is_for_next_hop {
        peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
    }
    if let Some(total) = total {
        shorten(&mut peer, total.saturating_duration_since(Instant::now()));
    }
    let busy = cluster.plan.counts_load().then(|| Busy::with(&member.endpoint));
    let attempt = Attempt { cluster: id, members, position, probe, names, busy, ..Attempt::default() };
    exchange.attempt = Some(Attempt { total, ..attempt });
    Some(peer)
}

/// The client, and the address that it connected to. A client that somebody else speaks for has no port.
fn ends(session: &Session, exchange: &Exchange) -> Option<(SocketAddr, SocketAddr)> {
    let client = exchange.subject.client.address;
    let port = exchange.peer.filter(|peer| peer.ip() == client).map_or(0, |peer| peer.port());
    let here = session.server_addr()?.as_inet()?;
    Some((SocketAddr::new(client, port), *here))
}

/// The try before this one, if it was one: a connection that had long been closed was none.
fn set_aside(exchange: &mut Exchange) {
    let Some(attempt) = exchange.attempt.take() else { return };
    exchange.asked_upstream = None;
    if let Some(trouble) = attempt.trouble
        && let Some(member) = attempt.member(&exchange.generation)
    {
        exchange.tried.push(Tried { endpoint: member.endpoint.clone(), trouble });
    }
}

/// No step may take longer than the whole may.
fn shorten(peer: &mut HttpPeer, left: Duration) {
    let left = left.max(Duration::from_millis(1));
    let options = &mut peer.options;
    for timeout in [
        &mut options.connection_timeout,
        &mut options.total_connection_timeout,
        &mut options.read_timeout,
        &mut options.write_timeout,
    ] {
        *timeout = Some(timeout.map_or(left, |timeout| timeout.min(left)));
    }
}

/// When the time that the exchange's cluster gives it is up.
fn deadline(exchange: &Exchange, of: impl Fn(&Cluster) -> Option<Duration>) -> Option<Instant> {
    let (_, cluster) = exchange.cluster()?;
    exchange.began.checked_add(of(cluster)?)
}

/// An endpoint has been connected to, or was already: `used` is whether the connection has had a request before, `shared`
/// whether others are asked on it.
pub(super) fn connected(exchange: &mut Exchange, connection: RawFd, used: bool, shared: bool) {
    let now = Instant::now();
    exchange.asked_upstream = Some(now);
    let Some(attempt) = &mut exchange.attempt else { return };
    attempt.reused = used;
    let Some(cluster) = exchange.generation.cluster(attempt.cluster) else { return };
    let (timeouts, retry) = (&cluster.plan.timeouts, &cluster.plan.retry);
    // Where it is longer, Pingora has it for the time between two reads.
    let first_byte = timeouts.first_byte.filter(|first_byte| shared || *first_byte < timeouts.read);
    let head = [first_byte, retry.per_try].into_iter().flatten().min();
    let head = head.and_then(|head| now.checked_add(head));
    if shared {
        let (silence, total) = (Some(timeouts.read), attempt.total);
        attempt.times = Some(Times { head, silence, total, ends_with_body: false });
    } else {
        let due = [head, attempt.total].into_iter().flatten().min();
        attempt.due = due.map(|due| (connection, due));
    }
}

/// Takes a head that goes on as it is out of Pingora's session, but for what frames the body: Pingora makes a copy of what it
/// finds there for each try. Left where it is, where Pingora is to say how long the body is, or that no host was named.
pub(super) fn take_head(session: &mut Session, exchange: &mut Exchange, digest: Option<&Digest>) {
    let Some(attempt) = exchange.attempt.as_mut().filter(|_| exchange.is_for_next_hop) else { return };
    let Some(sent) = digest.and_then(Sent::on) else { return };
    let headers = &session.req_header().headers;
    let (length, is_nameless) = (headers.get(CONTENT_LENGTH).cloned(), !headers.contains_key(HOST));
    if is_nameless || length.is_none() && !session.as_downstream_mut().is_body_empty() {
        return;
    }
    let head = session.req_header_mut();
    let mut frame = http::Request::new(()).into_parts().0;
    frame.method = head.method.clone();
    frame.headers.extend(length.map(|length| (CONTENT_LENGTH, length)));
    attempt.head = Some((std::mem::replace(head, RequestHeader::from(frame)), sent));
}

/// Gives it back, and sends it.
fn send_head(session: &mut Session, mut head: RequestHeader, sent: &Sent) -> Result<()> {
    let version = head.version;
    head.set_version(Version::HTTP_11);
    let wire = http_req_header_to_wire(&head);
    head.set_version(version);
    *session.req_header_mut() = head;
    // Pingora says the same of a target that is none.
    let unfit = || Error::explain(ErrorType::InvalidHTTPHeader, "the head can not be written");
    sent.send(wire.ok_or_else(unfit)?);
    Ok(())
}

/// The request is about to be sent. A connection that others share is not cut off for one of them: its request takes
/// along how long it may take.
///
/// # Errors
///
/// Where it can not be said in the endpoint's protocol, and the client is to blame.
pub(super) fn sending(
    session: &mut Session,
    request: &mut RequestHeader,
    exchange: &mut Exchange,
) -> Result<()> {
    let Some(attempt) = &mut exchange.attempt else { return Ok(()) };
    if let Some((head, sent)) = attempt.head.take() {
        send_head(session, head, &sent)?;
    }
    if let Some(mut times) = attempt.times {
        times.ends_with_body = !is_stream(session);
        hop::strip_request(request)?;
        request.set_version(Version::HTTP_2);
        request.extensions_mut().insert(times);
        // What has been announced is not too much.
        if !request.headers.contains_key(CONTENT_LENGTH) && !session.as_downstream_mut().is_body_empty() {
            request.extensions_mut().insert(attempt.given_up.insert(GivenUp::default()).clone());
        }
    } else if let Some((connection, due)) = attempt.due.take() {
        attempt.watch = Watch::over(connection, due);
    }
    Ok(())
}

/// The head of a response has come.
///
/// # Errors
///
/// Where another endpoint is asked instead, because of the status.
pub(super) fn heard(session: &Session, header: &ResponseHeader, exchange: &mut Exchange) -> Result<()> {
    // What follows a consent to another protocol may take as long as it likes.
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        exchange
            .attempt
            .iter_mut()
            .for_each(|attempt| (attempt.watch, attempt.status) = (None, Some(header.status)));
        return Ok(());
    }
    if header.status.is_informational() {
        return Ok(());
    }
    if again::is_refused(session, header.status, exchange) {
        return Err(
            Error::explain(ErrorType::HTTPStatus(header.status.as_u16()), "another is asked").into_up()
        );
    }
    let Some(attempt) = &mut exchange.attempt else { return Ok(()) };
    attempt.status = Some(header.status);
    if let Some(watch) = &attempt.watch {
        watch.wait_until(attempt.total);
    }
    Ok(())
}

/// A piece of the response has come. An HTTP/2 connection is not cut off when time is up, but its exchange ends here.
pub(super) fn progressed(exchange: &Exchange) -> Result<()> {
    let total = exchange.attempt.as_ref().and_then(|attempt| attempt.total);
    match total {
        Some(total) if Instant::now() >= total => {
            Err(Error::explain(ErrorType::ReadTimedout, "the whole took too long").into_up())
        }
        Some(_) | None => Ok(()),
    }
}

/// Tells the client which endpoint has answered, where it is to come back to that one.
pub(super) fn name(header: &mut ResponseHeader, exchange: &Exchange) {
    let Some(attempt) = exchange.attempt.as_ref().filter(|attempt| attempt.names) else { return };
    let Some(cluster) = exchange.generation.cluster(attempt.cluster) else { return };
    if let Balance::Sticky(cookie) = &cluster.plan.balance
        && let Some(member) = attempt.member(&exchange.generation)
    {
        let cookie = cookie.set(member.endpoint.identity, exchange.subject.client.secure);
        // A cookie's name and sixteen digits are a legal value; a head that has no room left stays as it is.
        let _ = header.append_header(SET_COOKIE, cookie);
    }
}

/// The exchange is over: what became of its last try.
pub(super) fn ended(exchange: &mut Exchange) {
    exchange.inside = None;
    let whole = exchange.failure.is_none();
    let Some(attempt) = exchange.attempt.as_mut().filter(|attempt| attempt.trouble.is_none()) else { return };
    attempt.watch = None;
    attempt.busy = None;
    let Some(status) = attempt.status.filter(|_| whole) else { return };
    if is_trouble(status) {
        return again::settle(exchange, Trouble::Status(status));
    }
    let Some(cluster) = exchange.generation.cluster(attempt.cluster) else { return };
    if let Some(breaks) = &cluster.plan.breaker {
        cluster.upstream.tell_breaker(breaks, attempt.probe, true);
    }
    if let Some(member) = attempt.member(&exchange.generation) {
        member.endpoint.succeeded();
    }
}

/// Counts the picks of a cluster; the same turn for every try of an exchange.
fn turn(exchange: &mut Exchange) -> u64 {
    if let Some(turn) = exchange.turn {
        return turn;
    }
    let turn =
        exchange.cluster().map_or(0, |(_, cluster)| cluster.upstream.turn.0.fetch_add(1, Ordering::Relaxed));
    exchange.turn = Some(turn);
    turn
}
