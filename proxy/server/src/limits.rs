//! Every bound of the server, with its reason. What filters may leave is bounded in `edgeloom_core::limits`, and what
//! clients may take in the configuration: `edgeloom_config::Limits` has the defaults.

use std::time::Duration;

/// How long is waited for the rest of a body that nobody wants, to keep the connection usable.
pub(crate) const DRAIN_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a head may have beside its target and its header lines: the method, the version, and what
/// separates all of it.
pub(crate) const HEAD_OVERHEAD: usize = 1024;

/// How long a client whose connection is being closed may take to read why, and to close it, too.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// The most streams of one HTTP/2 connection that are no requests: one is a mistake, many are a search.
pub(crate) const MALFORMED_STREAMS_MAX: u32 = 32;

/// How much of a request's body is taken of one stream of HTTP/2 before its endpoint takes it: what the protocol begins with.
/// All streams of a connection may have as much, so it is held for no more than there may be exchanges.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024 - 1;

/// How long the end of a response in HTTP/2 is waited for when all that it announces has come: longer than a frame on its way
/// takes, and not so long that a client notices who waits for its next response.
pub(crate) const STREAM_END_MAX: Duration = Duration::from_millis(100);

/// How much of a response waits in one stream of HTTP/2 for its turn on the connection: a piece as it comes from an endpoint.
pub(crate) const STREAM_BUFFER: usize = 64 * 1024;

/// How long a client of the admin listener may take to send a head. Those that others send are bounded in the
/// configuration, as all that clients may take.
pub(crate) const ADMIN_HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long nothing is accepted after a connection could not be: long enough for somebody to leave,
/// and not to keep a worker busy.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the log hears nothing more of connections that can not be accepted: a line tells how many there have been.
pub(crate) const SHORTAGE_TOLD: Duration = Duration::from_secs(60);

/// How often idle connections to endpoints are looked at: those that were closed cost a descriptor until then, and nothing else.
pub(crate) const IDLE_SWEPT: Duration = Duration::from_secs(1);

/// What the process has open beside connections of clients and to endpoints, at most and roughly: copies on their way
/// ([`MIRRORS_MAX`]) and their idle connections ([`MIRROR_IDLE_MAX`]), the operator's connections
/// ([`ADMIN_CONNECTIONS_MAX`]), and listeners, logs, look-ups, checks, and the runtime's own.
pub(crate) const DESCRIPTORS_RESERVED: u64 = 512;

/// The most TLS sessions that are kept for each listener, for TLS 1.2 clients that take no tickets: old
/// libraries, of which a busy edge sees hundreds. Each is some 200 bytes, and a client's certificate.
pub(crate) const SESSIONS_MAX: usize = 4096;

/// How many days before its end a certificate is warned about. Those of ninety days are renewed with thirty left.
pub(crate) const CERTIFICATE_DAYS_LEFT: i64 = 30;

/// What is read at once where a head begins, one buffer for each worker. What follows is read into Pingora's own buffers.
pub(crate) const READ_BUFFER: usize = 16 * 1024;

/// What is gathered before it is written to a client, so that a head and a small body go out together.
///
/// Pingora sends chunks as they come, but of a response whose length is known
/// it sends nothing before this is full or the response whole: not too much, then.
pub(crate) const WRITE_BUFFER: usize = 4 * 1024;

/// What is read of a tunnel at once, one buffer for each worker.
pub(crate) const TUNNEL_BUFFER: usize = 64 * 1024;

/// How long nothing may pass in a tunnel of which one side has closed: nobody means to come back to it.
pub(crate) const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(60);

/// The most idle connections to endpoints that are kept, over all clusters, for each listener.
pub(crate) const UPSTREAM_IDLE_MAX: usize = 1024;

/// The most requests at one time on an HTTP/2 connection to an endpoint: as many as most servers allow.
/// An endpoint may allow fewer; more connections are opened then.
pub(crate) const UPSTREAM_STREAMS_MAX: usize = 100;

/// How often an HTTP/2 connection to an endpoint is asked whether it is still there: all requests share it,
/// so that one that has silently gone would take all of them along.
pub(crate) const UPSTREAM_PING: Duration = Duration::from_secs(10);

/// The most bytes of a body that are kept for a copy: forms and JSON, not uploads.
pub(crate) const MIRROR_BODY_MAX: usize = 64 * 1024;

/// The most copies that are under way at one time: a mirror that is slow is not to collect the memory of those it is not asked for.
pub(crate) const MIRRORS_MAX: usize = 100;

/// The most idle connections to mirrors that are kept: one for each copy that may be under way.
pub(crate) const MIRROR_IDLE_MAX: usize = MIRRORS_MAX;

/// How long a copy may take, from connecting to the last byte of its answer.
pub(crate) const MIRROR_TIMEOUT: Duration = Duration::from_secs(30);

/// The most tries of one exchange: the first, as many retries as a cluster may be configured with, and those on
/// connections that turned out to be closed.
pub(crate) const TRIES_MAX: usize = 6 + STALE_MAX as usize;

/// How often an exchange may find that a connection was closed while it lay idle, before that is the endpoint's fault:
/// when it restarts, all are.
pub(crate) const STALE_MAX: u8 = 2;

/// The most that is read of the answer to a check, to find a text in it.
pub(crate) const CHECK_BODY_MAX: usize = 64 * 1024;

/// Within how long the first checks of endpoints are made: soon, and not a thousand in the same moment.
pub(crate) const CHECKS_FIRST: Duration = Duration::from_millis(500);
/// The most addresses of each version that a name may have: what fits into an answer by UDP, and more than turns are useful for.
pub(crate) const NAME_ADDRESSES_MAX: usize = 64;

/// The longest pause after a look-up that failed: resolvers come back, and their clients should be quick to notice.
pub(crate) const LOOKUP_AGAIN_MAX: Duration = Duration::from_secs(30);

/// How long a connection may take before one to an address of the other version is tried beside it:
/// the "connection attempt delay" of RFC 8305 section 5.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// How long addresses of the version that was too slow are left out: RFC 6555 section 4.2 has ten minutes.
pub(crate) const REST: Duration = Duration::from_secs(600);

/// The largest page for a failure that an operator may give: a page for people that needs nothing else, and that is filled in
/// anew each time.
pub(crate) const PAGE_MAX: usize = 64 * 1024;

/// How far back a coding looks for what it has seen, as a power of two: half a megabyte. Pages are smaller, and every response that
/// is being compressed holds one or two of these.
pub(crate) const COMPRESSION_WINDOW_BITS: u32 = 19;

/// The most access-log lines that wait to be written; more are dropped and counted.
pub(crate) const LOG_LINES_MAX: usize = 8192;

/// The most bytes of a client's text (a path, a user agent) in a log line.
pub(crate) const LOG_TEXT_MAX: usize = 2048;

/// How long log lines wait for company while there is traffic, so that one write carries many.
pub(crate) const LOG_PAUSE: Duration = Duration::from_millis(5);

/// How long the log may take to be written out at the end.
pub(crate) const LOG_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the files must be left alone before a change is looked at: editors and `cp` write in several steps.
pub(crate) const WATCH_QUIET: Duration = Duration::from_millis(50);

/// When a change is looked at even though files go on changing.
pub(crate) const WATCH_PATIENCE: Duration = Duration::from_millis(150);

/// The most links from one file to the next that are followed to find the folders to watch, as the kernel does.
pub(crate) const LINKS_MAX: usize = 40;

/// The most reloads that wait for the one that is being built; they are all answered by the next one.
pub(crate) const RELOADS_WAITING_MAX: usize = 64;

/// The most connections to the admin listener: one operator, a few scrapers and probes.
pub(crate) const ADMIN_CONNECTIONS_MAX: usize = 64;

/// How often a shutdown looks whether the last exchange has ended.
pub(crate) const DRAIN_POLL: Duration = Duration::from_millis(5);

/// How long exchanges that a shutdown cuts off may take, at each step of that, to say what they can and to be logged.
pub(crate) const CUT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long connections may take to close once the last exchange has ended.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// How many sessions of TLS are remembered of an endpoint: rustls keeps eight tickets for a name, and an endpoint has one,
/// or a few where several clusters name it.
pub(crate) const UPSTREAM_SESSIONS_MAX: usize = 32;

/// The most endpoints that are remembered for having agreed to HTTP/2 and then wanting HTTP/1.1: hardly any does.
pub(crate) const DOWNGRADED_MAX: usize = 1024;

/// How often is looked whether most clients have gone, so that memory may be given back: a crowd takes longer to come.
pub(crate) const EBB_LOOK: Duration = Duration::from_secs(5);

/// How many connections and exchanges there must have been for that: at some 60 KiB each, fewer are not worth it.
pub(crate) const EBB_LEAST: usize = 128;

/// How long a worker that has looked through its pages waits for the others to do so: about as long as the look itself.
pub(crate) const EBB_HOLD: Duration = Duration::from_millis(2);

/// How often workers that were busy are asked again.
pub(crate) const EBB_ROUNDS_MAX: usize = 16;
