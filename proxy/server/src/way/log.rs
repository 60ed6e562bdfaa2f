//! What we remember: one line for each exchange, also for refused ones.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edgeloom_core::address::Address;
use edgeloom_core::client as core;
use edgeloom_core::fault::Fault;
use edgeloom_core::retry::Trouble;
use http::{HeaderMap, StatusCode, Version};
use jiff::Timestamp;
use pingora_proxy::Session;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::exchange::{Call, Exchange, Outcome, Phase, Tried};
use crate::generation::Generation;
use crate::limits::LOG_TEXT_MAX;
use crate::listen::tls::{self, Secure};
use crate::listen::{Excess, Refusal, is_stream};
use crate::upstreams::peer::At;
use crate::way::{Edge, Tunnel, trailers};

/// Counts the exchange, and writes its line.
pub(super) fn write(edge: &Edge, session: &Session, exchange: &Exchange) {
    let now = Instant::now();
    let status = session.response_written().map(|response| response.status);
    let duration = now - exchange.began;
    let route = exchange.route();
    let metrics = route.map_or(&edge.metrics.unrouted, |route| &route.metrics);
    metrics.count(status);
    // How long a tunnel was of use says nothing of how quickly the edge answers.
    let opened =
        exchange.tunnel.as_ref().map(|tunnel| tunnel.opened.saturating_duration_since(exchange.began));
    metrics.duration.observe(opened.unwrap_or(duration));
    if !exchange.calls.is_empty() {
        metrics.chain.observe(exchange.calls.iter().map(|call| call.took).sum());
    }
    if !edge.log.are_read() {
        return;
    }
    write_line(edge, &Record::of(session, exchange, status, duration));
}

/// Counts and writes what never became an exchange.
pub(super) fn refused(edge: &Edge, peer: Option<SocketAddr>, refusal: &Refusal) {
    let status = refusal.status();
    edge.metrics.unrouted.count(Some(status));
    write_short(edge, peer, Some(status), refusal);
}

/// Counts and writes what a connection was ended for.
pub(super) fn ended(edge: &Edge, peer: SocketAddr, excess: Excess) {
    edge.metrics.ended.count(excess);
    write_short(edge, Some(peer), None, &excess);
}

fn write_short(edge: &Edge, peer: Option<SocketAddr>, status: Option<StatusCode>, why: &dyn fmt::Display) {
    if !edge.log.are_read() {
        return;
    }
    let generation = edge.generations.current().number;
    let status = status.map(|status| status.as_u16());
    let time = Time(Timestamp::now());
    write_line(edge, &Short { time, peer, status, generation, failure: Shown(why) });
}

fn write_line(edge: &Edge, record: &impl Serialize) {
    let mut line = Vec::with_capacity(1024);
    // Nothing in a record can not be written as JSON.
    if serde_json::to_writer(&mut line, record).is_ok() {
        line.push(b'\n');
        edge.log.write(line);
    }
}

/// What there is to say of a head that is no request, or of a connection that was ended.
#[derive(serde::Serialize)]
struct Short<'a> {
    time: Time,
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    generation: u64,
    failure: Shown<&'a dyn fmt::Display>,
}

/// What an exchange leaves behind. Borrowed: it is written at once.
#[derive(serde::Serialize)]
struct Record<'a> {
    time: Time,
    id: Option<&'a str>,
    /// The trace, and our span in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<String>,
    client: Option<std::net::IpAddr>,
    peer: Option<SocketAddr>,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    method: &'a str,
    host: &'a str,
    path: Cut<'a>,
    /// What the client got; none if nothing was sent.
    status: Option<u16>,
    /// How a call of gRPC ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<u16>,
    route: Option<&'a str>,
    cluster: Option<&'a str>,
    /// As the operator wrote it.
    endpoint: Option<Shown<&'a Address>>,
    /// Where that is, if it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Shown<&'a At>>,
    generation: u64,
    chain: Chain<'a>,
    facts: Facts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Shown<crate::rescue::Failure>>,
    #[serde(skip_serializing_if = "is_zero")]
    connect_failures: usize,
    /// What the connection went on in, and how that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnelled<'a>>,
    /// The endpoints that were asked before this one, and what each did wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "write_tried")]
    tried: &'a [Tried],
    bytes_in: u64,
    bytes_out: u64,
    duration_us: Micros,
    /// From the connection to the endpoint to the head of its response.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_us: Option<Micros>,
    user_agent: Option<Cut<'a>>,
}

/// What the connection's handshake came to.
#[derive(serde::Serialize)]
struct Tls<'a> {
    version: &'static str,
    /// The name that the client asked for.
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<TlsClient<'a>>,
}

/// The certificate that the client showed.
#[derive(serde::Serialize)]
struct TlsClient<'a> {
    subject: Cut<'a>,
    sha256: &'a str,
}

impl<'a> Tls<'a> {
    fn of(secure: &'a Secure) -> Self {
        let core::Tls { version, cipher: _, server_name, certificate } = &*secure.tls;
        Self {
            version,
            name: server_name.as_deref(),
            client: certificate
                .as_ref()
                .map(|shown| TlsClient { subject: Cut(shown.subject.as_bytes()), sha256: &shown.sha256 }),
        }
    }
}

impl<'a> Record<'a> {
    fn of(
        session: &'a Session,
        exchange: &'a Exchange,
        status: Option<StatusCode>,
        duration: Duration,
    ) -> Self {
        // The head is the filters' if they came to see it; else it still is as it was sent.
        let sent = session.req_header();
        let (method, path, host) = match &exchange.asked {
            Some(target) => (&exchange.subject.head.method, target.as_str(), &*exchange.subject.head.host),
            None => (&sent.method, sent.uri.path(), host(&sent.headers)),
        };
        let upstream = exchange.attempt.as_ref().and_then(|attempt| {
            let cluster = exchange.generation.cluster(attempt.cluster)?;
            Some((&*cluster.name, attempt.member(&exchange.generation)?))
        });
        // The clock of the day is read only where somebody wants a line.
        let ended = Timestamp::now();
        let user_agent = sent.headers.get(http::header::USER_AGENT);
        let passed = exchange.tunnel.as_ref().map(|tunnel| tunnel.passed);
        let waited = exchange.asked_upstream.zip(exchange.heard_upstream);
        Self {
            time: Time(ended.saturating_sub(duration).unwrap_or(ended)),
            id: Some(&*exchange.subject.id).filter(|id| !id.is_empty()),
            trace: exchange.trace.as_ref().map(|trace| trace.id().to_string()),
            span: exchange.trace.as_ref().map(|trace| trace.span().to_string()),
            client: exchange.asked.is_some().then_some(exchange.subject.client.address),
            peer: exchange.peer,
            protocol: protocol(sent.version),
            tls: tls::secure(session).map(|secure| Tls::of(secure)),
            method: method.as_str(),
            host,
            path: Cut(path.as_bytes()),
            status: status.map(|status| status.as_u16()),
            grpc_status: exchange.grpc_status.or_else(|| grpc_status_of_head(session)),
            route: exchange.route().map(|route| &*route.name),
            cluster: upstream.map(|(cluster, _)| cluster),
            endpoint: upstream.map(|(_, member)| Shown(&member.address)),
            address: upstream
                .filter(|(_, member)| member.address.name().is_some())
                .map(|(_, member)| Shown(&member.endpoint.at)),
            generation: exchange.generation.number,
            chain: Chain(&exchange.generation, &exchange.calls),
            facts: Facts(&exchange.subject.facts),
            failure: exchange.failure.map(Shown),
            tunnel: exchange.tunnel.as_deref().map(Tunnelled::of),
            bytes_in: passed.map_or(session.body_bytes_read() as u64, |passed| passed.up),
            bytes_out: passed.map_or(session.body_bytes_sent() as u64, |passed| passed.down),
            connect_failures: connect_failures(exchange),
            tried: &exchange.tried,
            duration_us: Micros(duration),
            upstream_us: waited.map(|(asked, heard)| Micros(heard.saturating_duration_since(asked))),
            user_agent: user_agent.map(|value| Cut(value.as_bytes())),
        }
    }
}

/// A connection that went on in another protocol.
#[derive(serde::Serialize)]
struct Tunnelled<'a> {
    protocol: &'a str,
    ended: Shown<crate::listen::Ending>,
}

impl<'a> Tunnelled<'a> {
    fn of(tunnel: &'a Tunnel) -> Self {
        Self { protocol: &tunnel.protocol, ended: Shown(tunnel.ending) }
    }
}

fn host(headers: &HeaderMap) -> &str {
    headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// A call that fails at once has its status in the head of the response.
fn grpc_status_of_head(session: &Session) -> Option<u16> {
    let written = is_stream(session).then(|| session.response_written())?;
    trailers::grpc_status(&written?.headers)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

fn connect_failures(exchange: &Exchange) -> usize {
    let last = exchange.attempt.as_ref().and_then(|attempt| attempt.trouble);
    let troubles = exchange.tried.iter().map(|tried| tried.trouble).chain(last);
    troubles.filter(|trouble| *trouble == Trouble::Connect).count()
}

fn write_tried<S: Serializer>(tried: &[Tried], serializer: S) -> Result<S::Ok, S::Error> {
    let word = |trouble| match trouble {
        Trouble::Connect => "could not be connected to".to_owned(),
        Trouble::Reset => "broke off".to_owned(),
        Trouble::Timeout => "took too long".to_owned(),
        Trouble::Status(status) => format!("answered {}", status.as_u16()),
    };
    let shown = |tried: &Tried| format!("{} {}", tried.endpoint.at, word(tried.trouble));
    serializer.collect_seq(tried.iter().map(shown))
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// RFC 3339, to the millisecond.
struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// In microseconds.
struct Micros(Duration);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX))
    }
}

/// By what it displays.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What a client sent: not more of it than a log line should hold, and replaced where it is no text.
struct Cut<'a>(&'a [u8]);

impl Serialize for Cut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cut = self.0.get(..LOG_TEXT_MAX).unwrap_or(self.0);
        match std::str::from_utf8(cut) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_str(&String::from_utf8_lossy(cut)),
        }
    }
}

/// The calls of the exchange, in the order in which they were made.
struct Chain<'a>(&'a Generation, &'a [Call]);

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut calls = serializer.serialize_seq(Some(self.1.len()))?;
        for call in self.1 {
            calls.serialize_element(&Called(self.0, call))?;
        }
        calls.end()
    }
}

struct Called<'a>(&'a Generation, &'a Call);

impl Serialize for Called<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(generation, call) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "filter",
            generation.filter(call.filter).map_or("", |loaded| loaded.filter.name()),
        )?;
        map.serialize_entry(
            "phase",
            match call.phase {
                Phase::Request => "request",
                Phase::Response => "response",
            },
        )?;
        map.serialize_entry("us", &Micros(call.took))?;
        match &call.outcome {
            Outcome::Proceeded => map.serialize_entry("verdict", "proceed")?,
            Outcome::Answered => map.serialize_entry("verdict", "answer")?,
            Outcome::Faulted(fault) => {
                map.serialize_entry("fault", fault.kind().name())?;
                if let Some(reason) = reason(fault) {
                    map.serialize_entry("reason", reason)?;
                }
            }
        }
        map.end()
    }
}

fn reason(fault: &Fault) -> Option<&str> {
    match fault {
        Fault::Returned(reason) | Fault::Trapped(reason) | Fault::Outgrew(reason) => Some(reason),
        Fault::Overran => None,
    }
}

struct Facts<'a>(&'a edgeloom_core::facts::Facts);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}
