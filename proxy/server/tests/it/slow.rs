//! Clients that hold what they may for as long as they may, many of each kind at one time.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

mod healthy; // what the others notice

use std::fs;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Origin, Raw};

use self::healthy::{Healthy, keeps_nobody_waiting};
use super::tls::World;

/// Of each kind.
const MANY: usize = 300;

/// How long each may hold its connection, by every limit.
const LIMIT: Duration = Duration::from_secs(3);

/// The preface, settings that open no window, and a request for `/large`.
const NO_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/large\x41\x01a";

/// The same with the head of a request whose body does not come.
const NO_BODY: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\0\x04\0\0\0\0\0\
    \0\0\x06\x01\x04\0\0\0\x01\x83\x86\x84\x41\x01a";

/// What a client says of a TLS handshake before it falls silent: a record of 512 bytes that are not there.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[test]
fn slow_clients_keep_nobody_waiting_and_leave_nothing_after_their_limit() {
    let (large, small) = (Origin::saying(vec![b'x'; 16 * 1024 * 1024]), Origin::saying("hello"));
    let patient = Origin::echo("patient");
    let edge = Edge::start(&format!(
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
    ));
    let direct = Client::to(small.address());
    let ask = || assert_eq!(edge.get("/").text(), "hello");
    let ask_directly = || assert_eq!(direct.get("/").text(), "hello");
    ask();
    let before = resident(&edge);
    // The second finds what the first has left, and adds nothing to it.
    keeps_nobody_waiting(2, || {
        let kinds: [(&str, &[u8]); 6] = [
            ("idle", b""),
            ("head", b"GET / HTTP/1.1\r\nHo"),
            ("body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello"),
            ("read", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("h2 window", NO_WINDOW),
            ("h2 body", NO_BODY),
        ];
        let (began, mut held) = hold(&edge, &kinds);
        let healthy = Healthy::beside(&edge, began + LIMIT, ask, ask_directly);
        let peak = resident(&edge);
        let gone = all_gone(&edge, began);
        println!("{MANY} of each of {} kinds: all gone after {gone:?}", kinds.len());
        for kind in ["head", "body"] {
            let (_, raw) = held.iter_mut().find(|(held, _)| *held == kind).unwrap();
            let answer = raw.to_end(super::SOON).unwrap().unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 408 "), "{kind}: {}", answer.escape_ascii());
        }
        memory_returns(&edge, before, peak);
        healthy
    });
}

#[test]
fn slow_handshakes_keep_nobody_waiting_and_leave_nothing_after_their_limit() {
    let world = World::shop();
    let edge = Edge::start(&format!(
        "limits: {{ handshake: 3s }}\n{}",
        world.yaml(&[&world.section(&["shop"], "")])
    ));
    // Each time another connection, and another handshake.
    let ask = || assert_eq!(Client::tls(edge.address(), &world.tls()).get("/").status(), 200);
    let ask_directly = || assert_eq!(Client::to(world.origin()).get("/").status(), 200);
    ask();
    let before = resident(&edge);
    let mut late = 0;
    keeps_nobody_waiting(1, || {
        let (began, mut held) = hold(&edge, &[("silent", b""), ("half", HALF_HELLO)]);
        let healthy = Healthy::beside(&edge, began + LIMIT, ask, ask_directly);
        let peak = resident(&edge);
        let gone = all_gone(&edge, began);
        println!("{} handshakes: all gone after {gone:?}", held.len());
        for (kind, raw) in &mut held {
            assert!(raw.to_end(super::SOON).unwrap().is_some(), "{kind}");
        }
        late += 2 * MANY as u64;
        assert_eq!(super::metric(&edge, "edgeloom_handshake_failures_total{reason=\"late\"}"), late);
        memory_returns(&edge, before, peak);
        healthy
    });
    ask();
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

/// Waits until the edge has given back what it took for those who have gone: all but half as much again as it had before
/// there were any, and what is kept for those who may come next.
fn memory_returns(edge: &Edge, before: u64, peak: u64) {
    let (left, began) = (before + before / 2 + 16 * 1024, Instant::now());
    while resident(edge) > left {
        let now = resident(edge);
        assert!(
            began.elapsed() < super::SOON,
            "{before} KiB before, {peak} KiB meanwhile, and still {now} KiB"
        );
        std::thread::yield_now();
    }
    let (after, took) = (resident(edge), began.elapsed());
    println!("resident: {before} KiB before, {peak} KiB meanwhile, {after} KiB {took:?} after");
}

/// What a process has in RAM, in KiB.
fn resident(edge: &Edge) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", edge.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
