//! What clients may take: the section `limits`.

use std::time::Duration;

use edgeloom_core::limits::{HEAD_BYTES_MAX, TARGET_MAX};
use edgeloom_core::units::Bytes;

use crate::limits::{
    BodySize, Connections, ControlFrames, Exchanges, HeadTime, HeaderBytes, HeaderLines, KeepTime, Rate,
    Requests, Resets, Streams, TargetLength,
};
use crate::written::{meant, section};

/// How much, how many and how long, of everything that a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time, over all listeners.
    pub connections: u32,
    /// The same of one client: of one IPv4 address, or of one /64 of IPv6.
    pub connections_per_client: u32,
    /// For what comes before the first request: the PROXY protocol, the handshake of TLS.
    pub handshake: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// For the next request to begin.
    pub keepalive: Duration,
    pub requests_per_connection: u32,
    pub header_lines: u32,
    /// Of names and values together.
    pub header_bytes: Bytes,
    /// Of the path and query.
    pub target: Bytes,
    /// Of a request, where its route says nothing else.
    pub body: Bytes,
    /// Without a byte of a body that is owed, or taken of an answer that was asked for.
    pub body_idle: Duration,
    /// On average, in every second of waiting for the client.
    pub body_rate: Bytes,
    /// Of HTTP/2, open at one time on a connection.
    pub streams: u32,
    /// Of HTTP/2, in a minute on a connection.
    pub resets: u32,
    /// Of HTTP/2, in a minute on a connection, beyond what its answers account for.
    pub control_frames: u32,
    /// Exchanges under way at one time, in the whole process.
    pub exchanges: u32,
}

impl Default for Limits {
    /// The reasons are beside each field of the section, where operators read them.
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_client: 1000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            keepalive: Duration::from_secs(60),
            requests_per_connection: 100_000,
            header_lines: 100,
            header_bytes: HEADER_BYTES_MOST,
            target: Bytes(TARGET_MAX as u64),
            body: Bytes::mib(1024),
            body_idle: Duration::from_secs(30),
            body_rate: Bytes(250),
            streams: 100,
            resets: 200,
            control_frames: 1000,
            exchanges: 10_000,
        }
    }
}

/// What filters may leave is bounded by [`HEAD_BYTES_MAX`]: a quarter of that
/// is kept for them and for our own headers, so that no client can send a head
/// so large that a filter's edits are refused.
pub(crate) const HEADER_BYTES_MOST: Bytes = Bytes((HEAD_BYTES_MAX / 4 * 3) as u64);

section! {
    /// What a client may take of the edge. Who takes more is told so where that can be said (the status is in parentheses), else the connection is closed. A reload changes them for connections that begin after it.
    RawLimits = "`limits`" {
        /// The most connections at one time, over all listeners; the next ones are closed at once. One that waits for its next request costs up to 3KiB, over TLS about 11KiB, and one with an exchange under way about 60KiB: twenty thousand of those are more than a gigabyte. Each takes two of the files that the system lets the process have open, one of them to an endpoint: `edgeloom check` and the log say where these are too few.
        connections: Connections = Connections(Limits::default().connections),
        /// The most connections at one time from one IPv4 address, or from one /64 network of IPv6, which is what one customer of a provider has. An office behind one address has hundreds; nobody should have all. Peers on the loopback and those that `trust` names are not counted: they stand for many clients.
        connections_per_client: Connections = Connections(Limits::default().connections_per_client),
        /// How long a client may take before its first request: for the announcement of the PROXY protocol, and for the handshake of TLS. Both take a few round trips; ten seconds are enough from the other side of the world, on a bad line.
        handshake: HeadTime = HeadTime(Limits::default().handshake),
        /// How long a client may take from the first byte of a request's head to its last. Heads fit into a packet or two; who drips them in means to hold the connection.
        head: HeadTime = HeadTime(Limits::default().head),
        /// How long a connection may lie idle before a request begins. Browsers give up after about as long.
        keepalive: KeepTime = KeepTime(Limits::default().keepalive),
        /// The most requests on one connection; after that many it is closed in good order, and clients come back on a new one. Connections that never end never find the machine that was added beside this one.
        requests_per_connection: Requests = Requests(Limits::default().requests_per_connection),
        /// The most header lines of a request (431). Browsers send about twenty; nginx and Apache refuse above 100 as well.
        header_lines: HeaderLines = HeaderLines(Limits::default().header_lines),
        /// The most bytes of a request's header names and values together (431). A quarter of what a head may have inside the edge is kept for what filters add.
        header_bytes: HeaderBytes = HeaderBytes(Limits::default().header_bytes),
        /// The longest path and query (414). What the common origins accept.
        target: TargetLength = TargetLength(Limits::default().target),
        /// The largest body of a request (413): refused at once where its length is stated, else when it has become larger. Bodies are passed on as they come and never held, so the default only stops what no web form sends. A route may have its own.
        body: BodySize = BodySize(Limits::default().body),
        /// How long a client may send nothing of a body that it owes (408), or take nothing of an answer that it asked for. Phones lose the network for seconds, not for half a minute. Of HTTP/2 this holds for each stream: one that is too slow is ended, and the others go on. Calls of gRPC are conversations, in which a client may be silent for as long as its endpoint may, which is the cluster's `timeouts`.
        body_idle: HeadTime = HeadTime(Limits::default().body_idle),
        /// The fewest bytes for each second of waiting for a client, on average: sent of a body (408), or taken of an answer. It counts only while the edge waits for the client and not for an endpoint, and only after ten seconds of that. The worst mobile network carries ten times as much.
        body_rate: Rate = Rate(Limits::default().body_rate),
        /// The most streams of HTTP/2 that are open at one time on a connection. Browsers expect a hundred.
        streams: Streams = Streams(Limits::default().streams),
        /// The most streams of HTTP/2 that a client may reset on one connection within a minute, or have the edge reset by breaking the rules, as by opening more than `streams`; after that the connection is ended (`ENHANCE_YOUR_CALM`). Each costs a request to an endpoint that nobody waits for (CVE-2023-44487, CVE-2025-8671); a browser resets some when its user goes on to another page.
        resets: Resets = Resets(Limits::default().resets),
        /// The most frames of HTTP/2 that carry no part of a request, within a minute on one connection: pings, settings, priorities, windows, pieces of heads, empty pieces of bodies, and frames that nobody knows. After that the connection is ended (`ENHANCE_YOUR_CALM`). Each head and each piece of a body that the edge sends allows one more, because clients open windows and measure the line as they read: only who asks for nothing, or opens windows by a byte or two, comes near it.
        control_frames: ControlFrames = ControlFrames(Limits::default().control_frames),
        /// The most exchanges under way at one time, in the whole process; further requests are told to come back (503, with `retry-after`). Each costs about 60KiB. The operator's port answers all the same.
        exchanges: Exchanges = Exchanges(Limits::default().exchanges),
    }
}

impl Limits {
    pub(crate) fn resolve(raw: &RawLimits) -> Option<Self> {
        Some(Self {
            connections: raw.connections.as_ref()?.value.0,
            connections_per_client: raw.connections_per_client.as_ref()?.value.0,
            handshake: raw.handshake.as_ref()?.value.0,
            head: raw.head.as_ref()?.value.0,
            keepalive: raw.keepalive.as_ref()?.value.0,
            requests_per_connection: raw.requests_per_connection.as_ref()?.value.0,
            header_lines: raw.header_lines.as_ref()?.value.0,
            header_bytes: raw.header_bytes.as_ref()?.value.0,
            target: raw.target.as_ref()?.value.0,
            body: raw.body.as_ref()?.value.0,
            body_idle: raw.body_idle.as_ref()?.value.0,
            body_rate: raw.body_rate.as_ref()?.value.0,
            streams: raw.streams.as_ref()?.value.0,
            resets: raw.resets.as_ref()?.value.0,
            control_frames: raw.control_frames.as_ref()?.value.0,
            exchanges: raw.exchanges.as_ref()?.value.0,
        })
    }
}

impl From<Limits> for RawLimits {
    fn from(limits: Limits) -> Self {
        Self {
            connections: meant(Connections(limits.connections)),
            connections_per_client: meant(Connections(limits.connections_per_client)),
            handshake: meant(HeadTime(limits.handshake)),
            head: meant(HeadTime(limits.head)),
            keepalive: meant(KeepTime(limits.keepalive)),
            requests_per_connection: meant(Requests(limits.requests_per_connection)),
            header_lines: meant(HeaderLines(limits.header_lines)),
            header_bytes: meant(HeaderBytes(limits.header_bytes)),
            target: meant(TargetLength(limits.target)),
            body: meant(BodySize(limits.body)),
            body_idle: meant(HeadTime(limits.body_idle)),
            body_rate: meant(Rate(limits.body_rate)),
            streams: meant(Streams(limits.streams)),
            resets: meant(Resets(limits.resets)),
            control_frames: meant(ControlFrames(limits.control_frames)),
            exchanges: meant(Exchanges(limits.exchanges)),
        }
    }
}
