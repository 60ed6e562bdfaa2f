//! Copies of requests, for a second cluster: sent on the side, and forgotten.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use edgeloom_core::ids::ClusterId;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{Uri, Version};
use pingora_core::Result;
use pingora_core::connectors::{ConnectorOptions, http as pingora};
use pingora_core::upstreams::peer::{HttpPeer, Peer as _};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::generation::Route;
use crate::limits::{MIRROR_BODY_MAX, MIRROR_IDLE_MAX, MIRROR_TIMEOUT, MIRRORS_MAX};
use crate::metrics::RouteMetrics;
use crate::upstreams::Connector;
use crate::way::hop;

/// A copy that is being made, while the body passes.
pub(crate) struct Mirrored {
    head: RequestHeader,
    body: Vec<u8>,
    peer: HttpPeer,
    metrics: Arc<RouteMetrics>,
}

/// The head is about to be sent, for the first time or again: begins a copy, if this is one of the exchanges
/// that are copied.
pub(super) fn begin(session: &mut Session, exchange: &mut Exchange) {
    let Some((route, mirror)) = exchange.route().and_then(|route| Some((route, route.mirror?))) else {
        return;
    };
    if exchange.mirroring {
        // For another try, the body passes once more.
        exchange.mirrored.iter_mut().for_each(|copy| copy.body.clear());
        return;
    }
    let drawn = fastrand::u32(..100) < mirror.share.0;
    let copy = drawn.then(|| copy(exchange, route, mirror.cluster, session.req_header())).flatten();
    exchange.mirroring = true;
    match copy {
        Some(copy) if session.as_downstream_mut().is_body_done() => copy.send(),
        copy => exchange.mirrored = copy.map(Box::new),
    }
}

/// A piece of the body is about to be sent, and perhaps the last.
pub(super) fn pass(body: Option<&Bytes>, end: bool, exchange: &mut Exchange) {
    let Some(copy) = &mut exchange.mirrored else { return };
    let piece = body.map_or(&[][..], |piece| piece);
    if copy.body.len() + piece.len() > MIRROR_BODY_MAX {
        copy.metrics.mirrored.skipped.add();
        exchange.mirrored = None;
        return;
    }
    copy.body.extend_from_slice(piece);
    if end && let Some(copy) = exchange.mirrored.take() {
        copy.send();
    }
}

fn copy(exchange: &Exchange, route: &Route, cluster: ClusterId, head: &RequestHeader) -> Option<Mirrored> {
    let (Some(peer), Some(head)) = (somebody(exchange, cluster), marked(head, &route.name)) else {
        route.metrics.mirrored.skipped.add();
        return None;
    };
    Some(Mirrored { head, body: Vec::new(), peer, metrics: Arc::clone(&route.metrics) })
}

/// The head as it is copied. None where the client calls hop-by-hop what is ours to vouch for, or there is no room left.
fn marked(head: &RequestHeader, route: &str) -> Option<RequestHeader> {
    let mut head = head.clone();
    hop::strip_request(&mut head).ok()?;
    // Any name of a route is a legal value.
    head.insert_header(MIRROR, HeaderValue::from_str(route).ok()?).ok()?;
    Some(head)
}

/// Any member that may be asked: copies are not balanced.
fn somebody(exchange: &Exchange, cluster: ClusterId) -> Option<HttpPeer> {
    let cluster = exchange.generation.cluster(cluster)?;
    cluster.roster.with(|members| {
        let able: Vec<_> = members.iter().filter(|member| member.endpoint.may_be_asked()).collect();
        let member = able.get(fastrand::usize(..able.len().max(1)))?;
        let mut peer = member.peer.clone();
        // Nobody's: connections are shared by the copies of all clients.
        cluster.roster.reach().introduce(member, &mut peer, || None);
        Some(peer)
    })
}

impl Mirrored {
    fn send(self) {
        let Some(under_way) = UnderWay::one_more() else {
            self.metrics.mirrored.skipped.add();
            return;
        };
        tokio::spawn(async move {
            let _under_way = under_way;
            let metrics = Arc::clone(&self.metrics);
            match tokio::time::timeout(MIRROR_TIMEOUT, self.ask()).await {
                Ok(Ok(())) => metrics.mirrored.answered.add(),
                Ok(Err(error)) => {
                    metrics.mirrored.failed.add();
                    tracing::debug!(%error, "a copy was not answered");
                }
                Err(_late) => metrics.mirrored.failed.add(),
            }
        });
    }

    async fn ask(self) -> Result<()> {
        let Self { head, body, peer, metrics: _ } = self;
        let (mut session, _reused) = HTTP.get_http_session(&peer).await?;
        session.set_read_timeout(peer.options.read_timeout);
        session.set_write_timeout(peer.options.write_timeout);
        let head = framed(head, body.len())?;
        session.write_request_header(Box::new(head)).await?;
        if !body.is_empty() {
            session.write_request_body(body.into(), true).await?;
        }
        session.finish_request_body().await?;
        session.read_response_header().await?;
        while session.response_header().is_some_and(|head| head.status.is_informational()) {
            session.read_response_header().await?;
        }
        while session.read_response_body().await?.is_some() {}
        HTTP.release_http_session(session, &peer, peer.idle_timeout()).await;
        Ok(())
    }
}

/// The head as HTTP/1.1 has it, whichever protocol it was made for: a stream of HTTP/2 puts the host where it belongs there.
fn framed(mut head: RequestHeader, size: usize) -> Result<RequestHeader> {
    let host = head.uri.authority().map(|authority| authority.as_str().to_owned());
    let target = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    for of_the_connection in [&TRANSFER_ENCODING, &CONNECTION, &UPGRADE, &TE, &EXPECT] {
        head.remove_header(of_the_connection);
    }
    if size > 0 {
        head.insert_header(CONTENT_LENGTH, size)?;
    }
    head.set_uri(Uri::from(target));
    head.set_version(Version::HTTP_11);
    if let Some(host) = host {
        head.insert_header(HOST, host)?;
    }
    Ok(head)
}

/// One of the copies that are under way, for as long as it is held.
struct UnderWay;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

impl UnderWay {
    fn one_more() -> Option<Self> {
        // Made in any case: whoever is too many is counted out again as it is dropped.
        let (before, one) = (UNDER_WAY.fetch_add(1, Ordering::Relaxed), Self);
        (before < MIRRORS_MAX).then_some(one)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

const MIRROR: HeaderName = HeaderName::from_static("x-edgeloom-mirror");

/// Makes what copies are sent with, while there are files to be had: Pingora reads one for it, and takes for granted that
/// it can.
pub(crate) fn prepare() {
    LazyLock::force(&HTTP);
}

/// Connections of copies are not those of exchanges: what a mirror does to them is its own matter.
static HTTP: LazyLock<pingora::Connector<Connector>> = LazyLock::new(|| {
    let mut options = ConnectorOptions::new(MIRROR_IDLE_MAX);
    // As where requests are sent: a machine without root certificates must not keep the edge from starting.
    options.ca_file = Some("/dev/null".to_owned());
    pingora::Connector::new_custom(Some(options.clone()), Connector::new(options, 1))
});
