//! Every bound, with its reason.

use std::time::Duration;

use crate::units::Bytes;

/// The most header bytes (names and values) that filters may leave on a head.
///
/// Origins commonly refuse heads above 16 KiB or 32 KiB; half of the larger
/// leaves room for the headers that the edge itself adds.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most header lines that filters may leave on a head; nginx and Apache
/// refuse above 100, Pingora above 256.
pub const HEAD_LINES_MAX: usize = 200;

/// The longest path and query that filters may set: what the common origins accept.
pub const TARGET_MAX: usize = 8 * 1024;

/// The most facts of one exchange: a log line is for people.
pub const FACTS_MAX: usize = 64;
/// The longest name of a fact.
pub const FACT_NAME_MAX: usize = 64;
/// The longest value of a fact.
pub const FACT_VALUE_MAX: usize = 1024;

/// The most edits of one call, and the most facts it may set: what each one
/// changed is remembered until the call has succeeded, and a call may last as
/// long as its deadline. More than all the lines that a head may have.
pub const EDITS_MAX: usize = 256;

/// The longest memo: it is held for as long as the upstream takes.
pub const MEMO_MAX: usize = 16 * 1024;

/// The largest body of an answer made by a filter. Pages and JSON, not downloads.
pub const ANSWER_BODY_MAX: usize = 1024 * 1024;

/// The longest text that a guest's error or log message keeps in a log line.
pub const GUEST_TEXT_MAX: usize = 1024;

/// The longest settings text of one filter, as JSON.
pub const SETTINGS_MAX: usize = 4 * 1024 * 1024;

/// The largest module accepted. The filters shipped are below 150 KiB; a
/// filter with an interpreter inside is a few MiB.
pub const MODULE_MAX: Bytes = Bytes::mib(32);

/// The most filters in one chain: each one costs every request.
pub const CHAIN_MAX: usize = 64;

/// The most networks, hops or entries walked in a forwarding header.
pub const FORWARDED_HOPS_MAX: usize = 64;

/// The longest `x-request-id` that is taken over from a trusted peer. UUIDs have 36 characters, trace identifiers up to 55.
pub const REQUEST_ID_MAX: usize = 128;

/// The deadline of a call where the configuration names none: a filter takes
/// microseconds; two hundred times that is a mistake, not a bad moment.
pub const DEADLINE_DEFAULT: Duration = Duration::from_millis(10);

/// The longest deadline that may be configured. Calls are synchronous: while
/// one runs, its worker thread serves nobody else.
pub const DEADLINE_MAX: Duration = Duration::from_secs(1);

/// How long `configure` may take: it runs once, off the path of requests.
pub const CONFIGURE_DEADLINE: Duration = Duration::from_secs(5);

/// The memory of an instance where the configuration names none.
pub const MEMORY_DEFAULT: Bytes = Bytes::mib(8);

/// The most memory that may be configured for an instance.
pub const MEMORY_MAX: Bytes = Bytes::mib(64);

/// The most instances that run or are kept at one time, over all filters.
pub const INSTANCES_MAX: u32 = 1000;

/// The most warm instances one filter may keep under `reuse`.
pub const REUSE_MAX: u32 = 256;

/// The most log lines of one call; the last of them says that more were dropped.
pub const LOG_LINES_MAX: u32 = 16;

/// The most bytes that a guest may hand over in one host call or verdict.
///
/// Lists may alias: a megabyte of guest memory can describe terabytes, so the
/// host counts what it copies out. Above a full answer and its headers.
pub const HANDED_OVER_MAX: usize = 4 * 1024 * 1024;

/// The most endpoints of a cluster: working out the rotation of this many takes
/// 40 ms when their weights are at their worst.
pub const ENDPOINTS_MAX: usize = 1000;

/// The longest name of a host (RFC 1035 section 2.3.4, without the dot that may end it).
pub const NAME_MAX: usize = 253;

/// The longest part of a host's name, between dots (RFC 1035 section 2.3.4).
pub const NAME_PART_MAX: usize = 63;

/// The longest path of a Unix socket: what fits in Linux's `sockaddr_un`, with the zero that ends it.
pub const SOCKET_PATH_MAX: usize = 107;

/// The most turns in the rotation of a cluster: 64 KiB. Weights whose exact
/// shares would need a longer one are rounded to it.
pub const TURNS_MAX: usize = 16 * 1024;

/// The slots that keys are sorted into, where keys decide which endpoint is asked: 32 KiB for a cluster. Of ten
/// endpoints each gets its share to within two per cent; working out who has which takes a thousand endpoints 0.2 s.
pub const SLOTS: usize = 16 * 1024;

/// How many times longer than the first an ejection may get. Whoever has failed ten times over is looked at every few
/// minutes: often enough for people, and seldom enough for clients.
pub const EJECTIONS_MAX: u32 = 10;

/// Over how long the tries of a cluster are held against its requests: what Finagle and Linkerd take.
pub const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// How many tries there are in that time, however few requests: one a second harms nobody, and a quiet site has
/// retries as well.
pub const BUDGET_LEAST: u64 = 10;

/// The largest a pattern may become when compiled, in bytes: about a thousand
/// characters to match, or an alternation of a hundred words. Matching takes
/// time in proportion to this and to the text: the worst pattern of this size
/// needs 125 ms for a path of 8 KiB, an ordinary one a microsecond or two for
/// an ordinary path (in a virtual machine with two cores).
pub const PATTERN_SIZE_MAX: usize = 32 * 1024;

/// The most that the cache of compiled filters keeps on disk: a compiled
/// filter is about half a megabyte, so some hundreds of them.
pub const CACHE_MAX: Bytes = Bytes::mib(512);
