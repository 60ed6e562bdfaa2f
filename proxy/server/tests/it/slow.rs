//! Clients that hold what they may for as long as they may, many of each kind at one time.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::fs;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Edge, Origin, Raw};

/// Of each kind.
const MANY: usize = 300;

/// How long each may hold its connection, by every limit.
const LIMIT: Duration = Duration::from_secs(3);

/// The preface, settings that open no window, and a request for `/large`.
const NO_WINDOW: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0\
    \0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x06/large\x41\x01a";

#[test]
fn slow_clients_keep_nobody_waiting_and_are_gone_after_their_limit() {
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
    let before = resident(&edge);
    let waves = [wave(&edge), wave(&edge)];
    for (peak, after) in waves {
        println!("resident: {before} KiB before, {peak} KiB meanwhile, {after} KiB after");
    }
    // The allocator keeps what it had for a while; what counts is that the next wave finds it again.
    let [(_, first), (_, second)] = waves;
    assert!(second < first + 16 * 1024, "{first} KiB have become {second} KiB");
}

/// Many of each kind come, hold what they can, and are gone; what the edge has in RAM meanwhile, and after.
fn wave(edge: &Edge) -> (u64, u64) {
    let kinds: [(&str, &[u8]); 5] = [
        ("idle", b""),
        ("head", b"GET / HTTP/1.1\r\nHo"),
        ("body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello"),
        ("read", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("h2 window", NO_WINDOW),
    ];
    assert_eq!(edge.get("/").text(), "hello");
    let mut held = Vec::new();
    for (kind, sent) in kinds {
        for _ in 0..MANY {
            let mut raw = Raw::connect(edge.address()).unwrap();
            raw.send(sent).unwrap();
            held.push((kind, raw));
        }
    }
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < LIMIT {
        let asked = Instant::now();
        assert_eq!(edge.get("/").text(), "hello");
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    let peak = resident(edge);
    let deadline = Instant::now() + 10 * LIMIT;
    while super::metric(edge, "edgeloom_connections_open") > 1 {
        assert!(Instant::now() < deadline, "{} are left", super::metric(edge, "edgeloom_connections_open"));
        std::thread::yield_now();
    }
    let gone = began.elapsed();
    println!(
        "{MANY} of each of {} kinds: {} healthy requests, p99 {p99:?}; all gone after {gone:?}",
        kinds.len(),
        took.len()
    );
    assert!(p99 < Duration::from_millis(100), "{p99:?}");
    assert!(gone < 6 * LIMIT, "{gone:?}");
    for kind in ["head", "body"] {
        let (_, raw) = held.iter_mut().find(|(held, _)| *held == kind).unwrap();
        let answer = raw.to_end(super::SOON).unwrap().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{kind}: {}", answer.escape_ascii());
    }
    (peak, resident(edge))
}

/// What a process has in RAM, in KiB.
fn resident(edge: &Edge) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", edge.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
