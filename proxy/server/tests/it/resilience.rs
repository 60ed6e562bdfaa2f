//! What clients see of endpoints that fail under load, with two others that are well: next to nothing.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Death, Edge, Manner, Origin, Request};

/// How long each kind of trouble lasts.
const LOAD: Duration = Duration::from_secs(2);
const CLIENTS: usize = 8;

/// What the endpoints are told to do under any trouble.
const CLUSTER: &str = "retries: { tries: 2, on: [connect, reset, timeout, 502, 503, 504], per_try: 250ms },
    eject: { failures: 5, time: 500ms }, timeouts: { connect: 250ms }";

fn edge(bad: std::net::SocketAddr, good: &[Origin; 2]) -> Edge {
    let [one, other] = good.each_ref().map(Origin::address);
    Edge::start(&format!(
        "clusters: {{ shop: {{ endpoints: ['{bad}', '{one}', '{other}'], {CLUSTER} }} }}
routes: [{{ name: all, to: shop }}]
access_log: off"
    ))
}

fn good() -> [Origin; 2] {
    ["one", "other"].map(Origin::saying)
}

/// Asks for as long as `trouble` lasts; the share of requests that were not answered with 200 must be under 0.1 %.
fn under_load(what: &str, edge: &Edge, trouble: impl FnOnce()) {
    let (asked, failed, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        for _ in 0..CLIENTS {
            threads.spawn(|| {
                let client = Client::to(edge.address());
                while !over.load(Ordering::Relaxed) {
                    let answered = client.attempt(Request::get("/"));
                    asked.fetch_add(1, Ordering::Relaxed);
                    if !answered.as_ref().is_ok_and(|response| response.status() == 200) {
                        failed.fetch_add(1, Ordering::Relaxed);
                        say(&format!("{what}: {answered:?}"));
                    }
                }
            });
        }
        trouble();
        over.store(true, Ordering::Relaxed);
    });
    let (asked, failed) = (asked.into_inner(), failed.into_inner());
    let retried = super::metric(edge, "edgeloom_cluster_retries_total{cluster=\"shop\"}");
    let share = 100.0 * failed as f64 / asked as f64;
    say(&format!("{what}: {failed} of {asked} requests failed ({share:.3} %), {retried} were tried again"));
    assert!(failed * 1000 < asked, "{what}: {share:.3} % is not under 0.1 %");
    assert!(retried > 0, "{what}: there was no trouble");
}

/// In the output of tests that pass, too, which is kept from it where macros print it.
fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Nothing happens for so long.
fn pass(time: Duration) {
    let (_open, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

#[test]
fn an_endpoint_that_dies() {
    let (bad, good) = (Origin::saying("bad"), good());
    let edge = edge(bad.address(), &good);
    under_load("an endpoint that dies", &edge, || {
        pass(LOAD / 4);
        drop(bad);
        pass(LOAD);
    });
}

#[test]
fn an_endpoint_that_hangs() {
    let bad = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(60)));
    let good = good();
    let edge = edge(bad.address(), &good);
    under_load("an endpoint that hangs", &edge, || pass(LOAD));
}

#[test]
fn an_endpoint_that_resets() {
    for death in [Death::OnAccept, Death::OnRequest] {
        let (bad, good) = (Origin::behaving(Manner::saying("").dying(death)), good());
        let edge = edge(bad.address(), &good);
        under_load(&format!("an endpoint that resets ({death:?})"), &edge, || pass(LOAD));
    }
}

#[test]
fn an_endpoint_that_answers_garbage() {
    let (bad, good) = (Origin::behaving(Manner::saying("").dying(Death::Nonsense)), good());
    let edge = edge(bad.address(), &good);
    under_load("an endpoint that answers garbage", &edge, || pass(LOAD));
}

#[test]
fn an_endpoint_that_flaps() {
    let (bad, good) = (Origin::saying("bad"), good());
    let address = bad.address();
    let edge = edge(address, &good);
    under_load("an endpoint that flaps", &edge, || {
        let mut bad = Some(bad);
        let until = Instant::now() + LOAD;
        while Instant::now() < until {
            pass(Duration::from_millis(100));
            bad = match bad {
                Some(_) => None,
                None => Origin::start(address, Manner::saying("bad")).ok(),
            };
        }
    });
}

#[test]
fn an_endpoint_that_says_that_it_cannot() {
    let (bad, good) = (Origin::behaving(Manner::saying("").with_status(503)), good());
    let edge = edge(bad.address(), &good);
    under_load("an endpoint that answers 503", &edge, || pass(LOAD));
}
