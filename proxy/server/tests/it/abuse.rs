//! Clients of HTTP/2 that ask for much work and no answers, and what becomes of them.
#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Frame, Frames, Manner, Origin, Outcome, fields_of};

/// As often as anything is done.
const MANY: u32 = 10_000;

/// How many megabytes of memory an attack may take.
const MEGABYTES: u64 = 48;

const CALM: Outcome = Outcome::Gone(0xb);
const COMPRESSION_ERROR: Outcome = Outcome::Gone(0x9);

const ASK: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
const SEND: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")];

fn edge(origin: &Origin) -> Edge {
    let clusters = format!("{{ origin: {{ endpoints: ['{}'] }} }}", origin.address());
    Edge::start(&format!("routes: [{{ name: all, to: origin }}]\nclusters: {clusters}"))
}

/// One that answers, but not at once: what is given up was asked for nothing.
fn slow() -> Origin {
    Origin::behaving(Manner::saying("hello").slow(Duration::from_millis(50)))
}

fn stream(turn: u32) -> u32 {
    2 * turn + 1
}

fn reset(stream: u32) -> Frame {
    Frame::new(Frame::RST_STREAM, 0, stream, [0, 0, 0, 8])
}

fn window(stream: u32, by: u32) -> Frame {
    Frame::new(Frame::WINDOW_UPDATE, 0, stream, by.to_be_bytes())
}

fn ended(edge: &Edge, reason: &str) -> u64 {
    super::metric(edge, &format!("edgeloom_connections_ended_total{{reason=\"{reason}\"}}"))
}

/// Sends what `next` makes of each turn, until it has, or is not listened to any more; how much that was, and what came of it.
fn attack(edge: &Edge, next: impl Fn(u32) -> Vec<Frame>) -> (u32, Outcome) {
    let mut client = Frames::connect(edge.address()).unwrap();
    client.patience(Duration::from_secs(5)).unwrap();
    let turns = (0..MANY).take_while(|turn| {
        let bytes: Vec<u8> = next(*turn).iter().flat_map(Frame::bytes).collect();
        client.send_bytes(&bytes).is_ok()
    });
    let sent = u32::try_from(turns.count()).unwrap();
    (sent, client.outcome(u32::MAX, super::SOON).unwrap())
}

/// An attack, beside which somebody else is served all the while. Its connection ends as it should, for one of these
/// reasons, which is counted and written to the log; and what it took is given back.
#[track_caller]
fn ends(
    edge: &Edge,
    what: &str,
    wanted: Outcome,
    reasons: &[(&str, &str)],
    next: impl Fn(u32) -> Vec<Frame>,
) {
    let (memory, cpu, began) = (edge.peak_memory().unwrap(), edge.cpu().unwrap(), Instant::now());
    let (done, served) = (AtomicBool::new(false), AtomicU32::new(0));
    let (sent, outcome) = thread::scope(|scope| {
        scope.spawn(|| {
            let client = Client::h2c(edge.address());
            while !done.load(Ordering::Relaxed) || served.load(Ordering::Relaxed) == 0 {
                assert_eq!(client.get("/healthy").status(), 200, "beside {what}");
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        let attacked = attack(edge, next);
        done.store(true, Ordering::Relaxed);
        attacked
    });
    let (cpu, grown) = (edge.cpu().unwrap() - cpu, edge.peak_memory().unwrap().saturating_sub(memory));
    println!(
        "{what}: {sent} turns, {outcome:?} after {:?}; {cpu:?} of CPU, {} KiB; {} requests served beside it",
        began.elapsed(),
        grown / 1024,
        served.into_inner()
    );
    assert_eq!(outcome, wanted, "{what}");
    let is_said = |failure: &str| reasons.iter().find(|(_, sentence)| failure.starts_with(sentence));
    let line = edge.wait_for_access(|line| line["failure"].as_str().and_then(is_said).is_some(), super::SOON);
    let (reason, _) = line["failure"].as_str().and_then(is_said).unwrap();
    assert!(ended(edge, reason) > 0 && line["status"].is_null(), "{what}: {line}");
    assert!(grown < MEGABYTES << 20, "{what}: {grown} bytes more than before");
    assert!(cpu < Duration::from_secs(5), "{what}: {cpu:?} of CPU");
    super::wait_for_gauge(edge, "edgeloom_connections_open", 0);
    super::wait_for_gauge(edge, "edgeloom_exchanges_open", 0);
}

const RESETS: (&str, &str) = ("resets", "the client reset too many streams");
const REFUSALS: (&str, &str) = ("refusals", "the client made too many streams be reset");
const CONTROL: (&str, &str) = ("control_frames", "the client sent too many frames that ask for nothing");
const LIBRARY: (&str, &str) = ("much_too_much", "the client sent much more than it should");
const BROKEN: (&str, &str) = ("broken", "the client broke the rules of HTTP/2: ");

/// CVE-2023-44487.
#[test]
fn streams_that_are_given_up_at_once() {
    let origin = slow();
    let edge = edge(&origin);
    // Whichever finds it first: so many that nobody has looked at yet, or so many in all.
    ends(&edge, "rapid reset", CALM, &[RESETS, LIBRARY], |turn| {
        let stream = stream(turn);
        vec![Frame::request(stream, &ASK), reset(stream)]
    });
    // Those beside it were served, too.
    assert!(origin.requests() < 5_000, "{} requests reached the origin", origin.requests());
}

/// The same so slowly that each is looked at, and sent on.
#[test]
fn streams_that_are_given_up_one_by_one() {
    let origin = slow();
    let edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    let ping = Frame::new(Frame::PING, 0, 0, *b"look at.");
    let mut given_up = 0;
    let outcome = loop {
        let bytes = [Frame::request(stream(given_up), &ASK), ping.clone()]
            .iter()
            .flat_map(Frame::bytes)
            .collect::<Vec<_>>();
        let answer =
            client.send_bytes(&bytes).ok().and_then(|()| next_of(&mut client, &[Frame::PING, Frame::GOAWAY]));
        match answer {
            Some(Frame { kind: Frame::PING, .. }) if given_up < 1000 => {}
            Some(Frame { kind: Frame::GOAWAY, payload, .. }) => break payload,
            other => panic!("after {given_up}: {other:?}"),
        }
        let _ = client.send(&reset(stream(given_up)));
        given_up += 1;
    };
    assert_eq!(outcome.get(7), Some(&0xb));
    assert_eq!(given_up, 201);
    assert_eq!(ended(&edge, "resets"), 1);
    assert!(origin.requests() <= 201);
    assert_eq!(edge.get("/").status(), 200);
}

/// The next frame of one of these kinds.
fn next_of(client: &mut Frames, kinds: &[u8]) -> Option<Frame> {
    loop {
        let frame = client.next(super::SOON).unwrap()?;
        if kinds.contains(&frame.kind) && !(frame.kind == Frame::PING && frame.flags & Frame::ACK == 0) {
            return Some(frame);
        }
    }
}

/// CVE-2025-8671: it is the edge that resets, because of what the client does.
#[test]
fn streams_that_the_edge_is_made_to_reset() {
    let origin = slow();
    let edge = edge(&origin);
    let asked = |turn| Frame::request(stream(turn), &ASK);
    ends(&edge, "windows that are too large", CALM, &[REFUSALS, LIBRARY, CONTROL], |turn| {
        vec![asked(turn), window(stream(turn), 0x7fff_ffff)]
    });
    ends(&edge, "streams that depend on themselves", CALM, &[REFUSALS, LIBRARY, CONTROL], |turn| {
        let itself = [&stream(turn).to_be_bytes()[..], &[16]].concat();
        vec![asked(turn), Frame::new(Frame::PRIORITY, 0, stream(turn), itself)]
    });
    ends(&edge, "bodies longer than their length", CALM, &[REFUSALS, LIBRARY], |turn| {
        let short = [SEND.as_slice(), &[("content-length", "4")]].concat();
        let body = Frame::new(Frame::DATA, Frame::END_STREAM, stream(turn), *b"too long");
        vec![Frame::head(stream(turn), &short), body]
    });
    // Of three times ten thousand, and those beside them that were served.
    assert!(origin.requests() < 5_000, "{} requests reached the origin", origin.requests());
}

#[test]
fn more_streams_than_there_may_be() {
    let origin = slow();
    let edge = edge(&origin);
    // None of them ends.
    ends(&edge, "open streams", CALM, &[REFUSALS, LIBRARY], |turn| vec![Frame::head(stream(turn), &SEND)]);
}

#[test]
fn frames_that_ask_for_nothing() {
    let origin = slow();
    let edge = edge(&origin);
    let priority = [0, 0, 0, 0, 16];
    let window_size = [0, 4, 0, 1, 0, 0];
    for (what, frame) in [
        ("empty settings", Frame::new(Frame::SETTINGS, 0, 0, [])),
        ("settings that change every window", Frame::new(Frame::SETTINGS, 0, 0, window_size)),
        ("pings", Frame::new(Frame::PING, 0, 0, [0; 8])),
        ("priorities", Frame::new(Frame::PRIORITY, 0, 1, priority)),
        ("updates of priorities", Frame::new(16, 0, 0, *b"\0\0\0\x01u=1")),
        ("frames that nobody knows", Frame::new(200, 0, 0, [0; 100])),
        ("windows, by one byte", window(0, 1)),
    ] {
        ends(&edge, what, CALM, &[CONTROL], |_| vec![frame.clone()]);
    }
}

/// A response that is taken byte by byte costs a frame for each.
#[test]
fn windows_that_are_opened_byte_by_byte() {
    let origin = Origin::saying(vec![b'x'; 1024 * 1024]);
    let edge = edge(&origin);
    ends(&edge, "a window of one byte", CALM, &[CONTROL], |turn| match turn {
        0 => vec![Frame::new(Frame::SETTINGS, 0, 0, [0, 4, 0, 0, 0, 0]), Frame::request(1, &ASK)],
        _ => vec![window(1, 1)],
    });
}

#[test]
fn pieces_of_bodies_with_nothing_in_them() {
    let origin = slow();
    let edge = edge(&origin);
    ends(&edge, "empty pieces", CALM, &[LIBRARY, CONTROL], |turn| match turn {
        0 => vec![Frame::head(1, &SEND)],
        _ => vec![Frame::new(Frame::DATA, 0, 1, [])],
    });
    ends(&edge, "pieces of padding", CALM, &[LIBRARY, CONTROL], |turn| match turn {
        0 => vec![Frame::head(1, &SEND)],
        _ => vec![Frame::new(Frame::DATA, Frame::PADDED, 1, [3, 0, 0, 0])],
    });
}

/// CVE-2024-27316.
#[test]
fn heads_that_never_end() {
    let origin = slow();
    let edge = edge(&origin);
    let head = Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, fields_of(&ASK));
    for (what, piece) in [
        ("heads with large pieces", fields_of(&[("x-large", &"x".repeat(16_000))])),
        ("heads with small pieces", fields_of(&[("x", "y")])),
        ("heads with empty pieces", Vec::new()),
    ] {
        ends(&edge, what, CALM, &[LIBRARY, CONTROL], |turn| match turn {
            0 => vec![head.clone()],
            _ => vec![Frame::new(Frame::CONTINUATION, 0, 1, piece.clone())],
        });
    }
    // A field that says it is as long as all of that.
    let endless = [&[0, 1, b'x', 0x7f, 0xff, 0xff, 0xff, 0x07][..], &[b'y'; 16_000]].concat();
    ends(&edge, "a field without end", COMPRESSION_ERROR, &[BROKEN], |turn| match turn {
        0 => vec![Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, [fields_of(&ASK), large(20)].concat())],
        1 => vec![Frame::new(Frame::CONTINUATION, 0, 1, endless.clone())],
        _ => vec![Frame::new(Frame::CONTINUATION, 0, 1, [b'y'; 16_000])],
    });
}

/// A field of four kilobytes, and then the same so many times, in a byte each.
fn large(times: usize) -> Vec<u8> {
    // It is remembered (RFC 7541 section 6.2.1), and is the first of the table then.
    let remembered = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
    [remembered, vec![0xbe; times]].concat()
}

/// A few kilobytes that are fifty megabytes once they are read.
#[test]
fn heads_that_are_much_larger_than_they_look() {
    let origin = slow();
    let edge = edge(&origin);
    ends(&edge, "a small head that is large", CALM, &[LIBRARY], |turn| {
        let block = [fields_of(&ASK), large(12_000)].concat();
        vec![Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, stream(turn), block)]
    });
}
