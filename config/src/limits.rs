//! What an operator may tighten or widen, and how far.

use std::time::Duration;

use edgeloom_core::limits::{DEADLINE_MAX, MEMORY_MAX, MODULE_MAX, REUSE_MAX, TARGET_MAX};
use edgeloom_core::units::Bytes;

use crate::clients::HEADER_BYTES_MOST;
use crate::written::bounded;

/// The largest configuration file. Large tables belong to whoever makes them,
/// not in here; a thousand routes are 200 KiB.
pub(crate) const FILE_MAX: u64 = 16 * 1024 * 1024;

/// How deep lists and maps may be nested, aliases followed. The language is
/// seven deep, settings come on top; and an unoptimised build, which takes
/// 40 KiB of stack for each, stays within the 2 MiB that threads have.
pub(crate) const DEPTH_MAX: usize = 32;

/// The most values (texts, lists, maps) that a file may hold, aliases followed:
/// a thousand tenants with ten filters each are 350,000 of them, a hundred
/// thousand routes are 1,100,000, and while a file is read each takes 300 bytes.
pub(crate) const VALUES_MAX: usize = 2_000_000;

/// The most aliases: a hundred thousand routes may share one chain.
pub(crate) const ALIASES_MAX: usize = 200_000;

/// The most problems that a report shows: nobody reads further before the
/// first of them are put right.
pub(crate) const PROBLEMS_MAX: usize = 100;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

bounded! {
    Deadline(Duration) = "a deadline" from Duration::from_millis(1), to DEADLINE_MAX,
        because "while a call runs, its worker serves nobody else; the clock that ends it ticks in milliseconds";
    Memory(Bytes) = "the memory of an instance" from Bytes::kib(64), to MEMORY_MAX,
        because "memory comes in pages of 64KiB, and a thousand instances may be live at one time";
    ModuleSize(Bytes) = "the size of a module" from Bytes(1), to MODULE_MAX,
        because "a larger module is most likely another file, and takes seconds to compile";
    Reuse(u32) = "the number of warm instances" from 1, to REUSE_MAX,
        because "every warm instance keeps its memory, and there need be no more than calls at one time";
    Weight(u32) = "a weight" from 1, to 1000,
        because "weights are shares against each other; to send an endpoint nothing, leave it out";
    Retries(u32) = "the number of retries" from 0, to 5,
        because "with every further try the client waits for another connect timeout";
    Failures(u32) = "the number of failures" from 1, to 1000,
        because "one is the fewest there can be, and nobody has the patience for more than a thousand";
    Concurrency(u32) = "the number of requests at one time" from 1, to 1_000_000,
        because "a cluster that may be asked nothing is of no use, and there are no more connections than that";
    Waiting(u32) = "the number of requests that wait" from 0, to 100_000,
        because "each holds a connection and its memory, and what has waited for long is wanted by nobody";
    Sample(u32) = "the number of requests to judge by" from 1, to 1_000_000,
        because "of none there is no share";
    Pause(Duration) = "a pause" from Duration::from_millis(10), to HOUR,
        because "below that nothing has changed; whoever is to be left alone for longer is taken out of the list";
    CheckInterval(Duration) = "the time between checks" from Duration::from_millis(20), to HOUR,
        because "endpoints have better things to do, and an hour late is too late";
    CheckCount(u32) = "the number of checks" from 1, to 100,
        because "it takes one to know, and with more than a hundred nobody would";
    MaxAge(Duration) = "the age of a cookie" from Duration::from_secs(1), to HOUR * 24 * 400,
        because "cookies count in seconds, and browsers keep none for longer than 400 days";
    WorkerCount(u32) = "the number of workers" from 1, to 1024,
        because "one is needed, and more threads than cores only take turns";
    Drain(Duration) = "the time to drain" from Duration::ZERO, to HOUR,
        because "nobody waits longer for a shutdown";
    RetryAfter(Duration) = "the time after which to ask again" from Duration::from_secs(1), to HOUR,
        because "the header counts in seconds, and after an hour nobody is still waiting";
    Least(Bytes) = "the least that is compressed" from Bytes(0), to Bytes::mib(1),
        because "what is larger than that is worth it in any case";
    ZstdLevel(u32) = "the level of zstd" from 0, to 12,
        because "above it one piece of a body holds up everybody else on its worker";
    BrotliLevel(u32) = "the level of brotli" from 0, to 9,
        because "above it one piece of a body holds up everybody else on its worker";
    GzipLevel(u32) = "the level of gzip" from 0, to 9,
        because "gzip has no more";
    Status(u32) = "a status" from 200, to 599,
        because "what is below 200 is no answer yet, and above 599 there is nothing";
    Lookup(Duration) = "the time for a look-up" from Duration::from_millis(10), to Duration::from_secs(30),
        because "below ten milliseconds a name server is out of reach; for half a minute nobody waits";
    Refresh(Duration) = "the time between two look-ups" from Duration::from_millis(100), to DAY,
        because "more than ten look-ups in a second are an attack; after a day a change is noticed by nobody";
    Timeout(Duration) = "a timeout" from Duration::from_millis(1), to HOUR,
        because "below a millisecond nothing is ever in time; above an hour a connection is lost, not slow";
    Connections(u32) = "the number of connections" from 1, to 1_000_000,
        because "one is needed, and each takes one of the files that the system lets a process open";
    HeadTime(Duration) = "the time of a client" from Duration::from_millis(10), to HOUR / 12,
        because "no client is quicker than its network, and whoever needs minutes only means to hold the connection";
    KeepTime(Duration) = "the time to keep a connection" from Duration::from_millis(10), to HOUR,
        because "no client is quicker than its network, and after an hour nobody comes back";
    Requests(u32) = "the number of requests" from 1, to 1_000_000_000,
        because "a connection is there for a request";
    HeaderLines(u32) = "the number of header lines" from 1, to 100,
        because "every request has a `host`, and more lines than browsers send five times over are no request";
    HeaderBytes(Bytes) = "the size of the headers" from Bytes(256), to HEADER_BYTES_MOST,
        because "a browser's headers need some hundred bytes, and what filters add must still fit in";
    TargetLength(Bytes) = "the length of path and query" from Bytes(16), to Bytes(TARGET_MAX as u64),
        because "the common origins accept no longer ones";
    BodySize(Bytes) = "the size of a body" from Bytes(0), to Bytes::mib(1024 * 1024),
        because "a terabyte is more than a request carries";
    Rate(Bytes) = "the rate of a client" from Bytes(0), to Bytes::mib(1),
        because "it is in bytes for each second, and many clients have no faster network";
    Streams(u32) = "the number of streams" from 1, to 1000,
        because "one is needed, and each may hold buffers for an exchange";
    Resets(u32) = "the number of resets" from 0, to 100_000,
        because "more is no limit: each costs an endpoint a request";
    ControlFrames(u32) = "the number of control frames" from 20, to 1_000_000,
        because "browsers begin with a dozen of them, and more in a minute than there are requests is no limit";
    Exchanges(u32) = "the number of exchanges" from 1, to 1_000_000,
        because "one is needed, and each takes about 60KiB";
    Backlog(u32) = "the backlog" from 1, to 65_535,
        because "the system cuts it at its own bound anyway";
    Probe(Duration) = "the time before a peer is asked for a sign of life" from Duration::from_secs(1), to HOUR,
        because "the system counts in seconds, and routers forget a connection long before an hour";
    SocketBuffer(Bytes) = "the size of a socket's buffer" from Bytes::kib(4), to Bytes::mib(64),
        because "a packet must fit in, and every connection may take as much";
}
