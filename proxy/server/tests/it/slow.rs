//! Clients that hold what they may for as long as they may, many of each kind at one time.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::fs;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Origin, Raw};

use super::tls::World;

/// Of each kind.
const MANY: usize = 300;

/// How long each may hold its connection, by every limit.
const LIMIT: Duration = Duration::from_secs(3);

/// The preface, settings that open no window, and a request for `/large`.
const NO_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/large\x41\x01a";

/// What a client says of a TLS handshake before it falls silent: a record of 512 bytes that are not there.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[test]
fn slow_clients_keep_nobody_waiting_and_are_gone_after_their_limit() {
    let (large, small) = (Origin::saying(vec![b'x'; 16 * 1024 * 1024]), Origin::saying("hello"));
    let patient = Origin::echo("patient");
    let yaml = format!(
        "
        limits: {{ head: 3s, keepalive: 3s, body_idle: 3s }}
        routes:
          - {{ name: large, when: {{ path: /large }}, to: large }}
          - {{ name: patient, when: {{ method: POST }}, to: patient }}
          - {{ name: small, to: small }}
        clusters:
          large: {{ endpoints: ['{}'] }}
          small: {{ endpoints: ['{}'] }}
          patient: {{ endpoints: ['{}'] }}
        ",
        large.address(),
        small.address(),
        patient.address()
    );
    let (edge, calm) = (Edge::start(&yaml), Edge::start(&yaml));
    let before = resident(&edge);
    let waves = [wave(&edge, &calm), wave(&edge, &calm)];
    for (peak, after) in waves {
        println!("resident: {before} KiB before, {peak} KiB meanwhile, {after} KiB after");
    }
    // The allocator keeps what it had for a while; what counts is that the next wave finds it again.
    let [(_, first), (_, second)] = waves;
    assert!(second < first + 16 * 1024, "{first} KiB have become {second} KiB");
}

#[test]
fn slow_handshakes_keep_nobody_waiting_and_are_gone_after_their_limit() {
    let world = World::shop();
    let yaml = format!("limits: {{ handshake: 3s }}\n{}", world.yaml(&[&world.section(&["shop"], "")]));
    let (edge, calm) = (Edge::start(&yaml), Edge::start(&yaml));
    let before = resident(&edge);
    let (began, mut held) = hold(&edge, &[("silent", b""), ("half", HALF_HELLO)]);
    // Each time another connection, and another handshake.
    let ask = |edge: &Edge| {
        assert_eq!(Client::tls(edge.address(), &world.tls()).get("/").status(), 200);
    };
    keeps_nobody_waiting(began, || ask(&edge), || ask(&calm));
    let gone = all_gone(&edge, began);
    println!("all gone after {gone:?}; resident: {before} KiB before, {} KiB after", resident(&edge));
    for (kind, raw) in &mut held {
        assert!(raw.to_end(super::SOON).unwrap().is_some(), "{kind}");
    }
    let late = super::metric(&edge, "edgeloom_handshake_failures_total{reason=\"late\"}");
    assert_eq!(late, 2 * MANY as u64);
    ask(&edge);
}

/// Many of each kind come, hold what they can, and are gone; what the edge has in RAM meanwhile, and after.
fn wave(edge: &Edge, calm: &Edge) -> (u64, u64) {
    let kinds: [(&str, &[u8]); 5] = [
        ("idle", b""),
        ("head", b"GET / HTTP/1.1\r\nHo"),
        ("body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello"),
        ("read", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("h2 window", NO_WINDOW),
    ];
    let ask = |edge: &Edge| assert_eq!(edge.get("/").text(), "hello");
    ask(edge);
    let (began, mut held) = hold(edge, &kinds);
    keeps_nobody_waiting(began, || ask(edge), || ask(calm));
    let peak = resident(edge);
    let gone = all_gone(edge, began);
    println!("{MANY} of each of {} kinds: all gone after {gone:?}", kinds.len());
    for kind in ["head", "body"] {
        let (_, raw) = held.iter_mut().find(|(held, _)| *held == kind).unwrap();
        let answer = raw.to_end(super::SOON).unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{kind}: {}", answer.escape_ascii());
    }
    (peak, resident(edge))
}

/// Connections of each kind, on which this and nothing more has been sent, and since when all are there.
fn hold<'k>(edge: &Edge, kinds: &[(&'k str, &[u8])]) -> (Instant, Vec<(&'k str, Raw)>) {
    let mut held = Vec::new();
    for (kind, sent) in kinds {
        for _ in 0..MANY {
            let mut raw = Raw::connect(edge.address()).unwrap();
            raw.send(sent).unwrap();
            held.push((*kind, raw));
        }
    }
    (Instant::now(), held)
}

/// Asks the edge that slow clients hold on to, and one that has none, in turn: what the machine and the tests
/// beside this one do to both is not the slow clients' doing.
fn keeps_nobody_waiting(began: Instant, ask: impl Fn(), ask_calm: impl Fn()) {
    let (mut took, mut took_calm) = (Vec::new(), Vec::new());
    while began.elapsed() < LIMIT {
        for (ask, took) in [(&ask as &dyn Fn(), &mut took), (&ask_calm, &mut took_calm)] {
            let asked = Instant::now();
            ask();
            took.push(asked.elapsed());
        }
    }
    let of = |took: &mut Vec<Duration>, percent: usize| {
        took.sort_unstable();
        took[took.len() * percent / 100]
    };
    let [(most, p99), (most_calm, p99_calm)] =
        [&mut took, &mut took_calm].map(|took| (of(took, 90), of(took, 99)));
    println!(
        "{} healthy requests: p90 {most:?}, p99 {p99:?}; without slow clients {most_calm:?} and {p99_calm:?}",
        took.len()
    );
    assert!(most < 4 * most_calm + Duration::from_millis(50), "{most:?} instead of {most_calm:?}");
}

/// Waits until all slow clients have been hung up on, and says how long after they came.
fn all_gone(edge: &Edge, began: Instant) -> Duration {
    // The healthy client's own may stay.
    while super::metric(edge, "edgeloom_connections_open") > 1 {
        let left = super::metric(edge, "edgeloom_connections_open");
        assert!(began.elapsed() < 6 * LIMIT, "{left} are left");
        std::thread::yield_now();
    }
    began.elapsed()
}

/// What a process has in RAM, in KiB.
fn resident(edge: &Edge) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", edge.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
