//! What workers cost each other: the same thing done by one thread, by all at once, and by all at once
//! to a thing of their own each.
//!
//! `cargo bench -p edgeloom --bench contention`, after `cargo xtask filters`. The times are processor
//! time for each turn of a thread, so that who else is on the machine counts little.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not start says so by panicking")]
#![allow(dead_code, unreachable_pub, reason = "of what is included, not all is measured")]

#[path = "../src/metrics/histogram.rs"]
mod histogram;
#[path = "../src/metrics/shares.rs"]
mod shares;

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cpu_time::ThreadTime;
use edgeloom_core::client::Client;
use edgeloom_core::fault::OnFault;
use edgeloom_core::head::RequestHead;
use edgeloom_core::limits::{MEMORY_DEFAULT, MODULE_MAX};
use edgeloom_host::{Filter, FilterPlan, Grants, Host, HostOptions, Instances, RequestSubject, Source};
use histogram::Histogram;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use shares::{Apart, Shares};

fn main() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    say(&format!(
        "{:44} {:>8} {:>10} {:>10} {:>10}\n",
        "ns of processor time a turn", "1 thread", "all, one", "all, each", "at once"
    ));
    measure(
        "a number that is added to",
        threads,
        || Apart(AtomicU64::new(0)),
        |number| {
            number.0.fetch_add(1, Ordering::Relaxed);
        },
    );
    measure(
        "an `Arc` that is taken and given back",
        threads,
        || ArcSwap::from_pointee([0_u8; 256]),
        |arc| {
            drop(arc.load_full());
        },
    );
    measure(
        "a duration that is counted",
        threads,
        || Histogram::new(histogram::CALL),
        |histogram| {
            histogram.observe(Duration::from_micros(3));
        },
    );
    let host = host();
    for (how, instances) in [("fresh", Instances::Fresh), ("reuse", Instances::Reuse(64))] {
        let filter = || prepare(&host, instances);
        measure(&format!("a call of `headers`, {how}"), threads, filter, |filter| {
            filter.on_request(&mut subject()).unwrap();
        });
    }
    measure("the request that such a call needs", threads, || (), |()| drop(std::hint::black_box(subject())));
}

/// Of some rounds each, the first in which every thread had a processor to itself, or nearly: only then
/// do they meet. Else the one that came nearest to it; the last column says how near.
fn measure<T: Send + Sync>(what: &str, threads: usize, make: impl Fn() -> T, turn: impl Fn(&T) + Sync) {
    let best = |things: &dyn Fn() -> Vec<Arc<T>>| {
        let mut best = Taken { turn: f64::NAN, share: 0.0 };
        for _ in 0..ROUNDS {
            let taken = take(&things(), &turn);
            if taken.share > best.share {
                best = taken;
            }
            if best.share > 0.97 {
                break;
            }
        }
        best
    };
    let alone = best(&|| vec![Arc::new(make())]);
    let one = best(&|| {
        let thing = Arc::new(make());
        (0..threads).map(|_| Arc::clone(&thing)).collect()
    });
    let each = best(&|| (0..threads).map(|_| Arc::new(make())).collect());
    let share = one.share.min(each.share) * 100.0;
    say(&format!("{what:44} {:8.1} {:10.1} {:10.1} {share:8.0} %\n", alone.turn, one.turn, each.turn));
}

/// What a round was.
struct Taken {
    /// Nanoseconds of processor time.
    turn: f64,
    /// Of the processors, while it lasted; of the thread that had the least.
    share: f64,
}

/// A thread for each of these, all at once.
fn take<T: Send + Sync>(things: &[Arc<T>], turn: &(impl Fn(&T) + Sync)) -> Taken {
    let (begin, end) = (Barrier::new(things.len()), AtomicBool::new(false));
    let work = |thing: &Arc<T>| {
        (0..WARM_UP).for_each(|_| turn(thing));
        begin.wait();
        let (started, before, mut turns) = (Instant::now(), ThreadTime::now(), 0_u32);
        while !end.load(Ordering::Relaxed) {
            (0..BATCH).for_each(|_| turn(thing));
            turns += BATCH;
            if started.elapsed() > SPAN {
                end.store(true, Ordering::Relaxed);
            }
        }
        let (spent, passed) = (before.elapsed().as_secs_f64(), started.elapsed().as_secs_f64());
        Taken { turn: spent * 1e9 / f64::from(turns), share: spent / passed }
    };
    thread::scope(|scope| {
        let working: Vec<_> = things.iter().map(|thing| scope.spawn(|| work(thing))).collect();
        let taken: Vec<Taken> = working.into_iter().map(|work| work.join().unwrap()).collect();
        Taken {
            turn: taken.iter().map(|one| one.turn).sum::<f64>()
                / f64::from(u32::try_from(taken.len()).unwrap()),
            share: taken.iter().map(|one| one.share).fold(1.0, f64::min),
        }
    })
}

fn host() -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contention");
    Host::new(&HostOptions { cache: Some(cache), ..HostOptions::default() }).unwrap()
}

/// Each time another filter of the same module.
fn prepare(host: &Host, instances: Instances) -> Arc<Filter> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters/headers.wasm");
    let plan = FilterPlan {
        name: format!("measured-{number}").into(),
        source: Source { path: module, sha256: None, size_max: MODULE_MAX },
        settings: format!(r#"{{"request": {{"set": {{"x-edge": "edgeloom", "x-number": "{number}"}}}}}}"#),
        grants: Grants::default(),
        deadline: Duration::from_secs(1),
        memory: MEMORY_DEFAULT,
        on_fault: OnFault::Fail,
        instances,
    };
    match host.prepare(&plan) {
        Ok(prepared) => prepared.filter,
        Err(error) => {
            say(&format!("{error}; `cargo xtask filters` builds the guests\n"));
            std::process::exit(1)
        }
    }
}

fn subject() -> Box<RequestSubject> {
    let head = RequestHead::new(
        Method::GET,
        "shop.example".into(),
        PathAndQuery::from_static("/"),
        HeaderMap::new(),
    );
    RequestSubject::new(head, Client { address: [192, 0, 2, 7].into(), secure: false }, "01996f5d".into())
}

fn say(line: &str) {
    // Nobody reads it, then.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

const ROUNDS: u32 = 40;
const SPAN: Duration = Duration::from_millis(150);
const BATCH: u32 = 64;
const WARM_UP: u32 = 1000;
