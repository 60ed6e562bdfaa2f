//! Streams of HTTP/2 whose clients take their time: each is judged by itself, and the others beside it go on.

use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Frame, Frames, Manner, Origin, Outcome};

use super::{SOON, line_about};

const CANCEL: Outcome = Outcome::Reset(8);
const OK: Outcome = Outcome::Answered(200);
const LATE: Outcome = Outcome::Answered(408);

/// With a large response, and one that says what it was sent.
struct Stage {
    edge: Edge,
    _origins: [Origin; 2],
}

fn stage(limits: &str) -> Stage {
    let (large, echo) = (Origin::saying(vec![b'x'; 1024 * 1024]), Origin::echo("echo"));
    let edge = Edge::start(&format!(
        "
        limits: {{ {limits} }}
        routes: [{{ name: large, when: {{ path: /large }}, to: large }}, {{ name: echo, to: echo }}]
        clusters: {{ large: {{ endpoints: ['{}'], timeouts: {{ connect: 20s }} }}, echo: {{ endpoints: ['{}'] }} }}
        ",
        large.address(),
        echo.address()
    ));
    Stage { edge, _origins: [large, echo] }
}

fn fields<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
}

fn get(stream: u32, path: &str) -> Frame {
    Frame::request(stream, &fields("GET", path))
}

fn post(stream: u32, path: &str) -> Frame {
    Frame::head(stream, &fields("POST", path))
}

fn data(stream: u32, bytes: &[u8]) -> Frame {
    Frame::new(Frame::DATA, 0, stream, bytes)
}

fn window(stream: u32, by: u32) -> Frame {
    Frame::new(Frame::WINDOW_UPDATE, 0, stream, by.to_be_bytes())
}

/// A client with windows of so many bytes for each stream.
fn connect(edge: &Edge, windows: u32) -> Frames {
    let mut client = Frames::connect(edge.address()).unwrap();
    let settings = [&[0, 4][..], &windows.to_be_bytes()].concat();
    client.send(&Frame::new(Frame::SETTINGS, 0, 0, settings)).unwrap();
    client
}

fn outcome(client: &mut Frames, stream: u32) -> Outcome {
    client.outcome(stream, SOON).unwrap()
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let Stage { edge, .. } = &stage("body_idle: 600ms");
    let mut client = connect(edge, 65_535);
    client.send(&post(1, "/silent")).unwrap();
    client.send(&data(1, b"hello")).unwrap();
    assert_eq!(outcome(&mut client, 1), LATE);
    let line = line_about(edge, "/silent");
    assert_eq!((&line["failure"], &line["status"]), (&"the client took too long".into(), &408.into()));
    // The connection is as good as before.
    client.send(&get(3, "/other")).unwrap();
    assert_eq!(outcome(&mut client, 3), OK);
    // An exchange goes on for a moment after its client has the last byte.
    super::wait_for_gauge(edge, "edgeloom_exchanges_open", 0);
}

#[test]
fn a_body_that_drips_in_ends_at_its_rate() {
    let Stage { edge, .. } = &stage("body_idle: 3s");
    let mut client = connect(edge, 65_535);
    client.send(&post(1, "/drips")).unwrap();
    let began = Instant::now();
    // A byte at a time, never so long after another that it is silence.
    let mut next = None;
    while next.is_none() {
        assert!(began.elapsed() < SOON, "it was waited for");
        client.send(&data(1, b"x")).unwrap();
        next = next_on(&mut client, 1, Duration::from_millis(50));
    }
    assert_eq!(next.unwrap().kind, Frame::HEADERS);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    assert_eq!(line_about(edge, "/drips")["status"], 408);
    client.send(&get(3, "/other")).unwrap();
    assert_eq!(outcome(&mut client, 3), OK);
}

/// What comes on a stream within that time.
fn next_on(client: &mut Frames, stream: u32, within: Duration) -> Option<Frame> {
    let until = Instant::now() + within;
    loop {
        let frame = client.next(until.saturating_duration_since(Instant::now())).unwrap()?;
        if frame.stream == stream {
            return Some(frame);
        }
    }
}

#[test]
fn a_response_that_is_not_taken_is_given_up() {
    let Stage { edge, .. } = &stage("body_idle: 600ms");
    let mut client = connect(edge, 0);
    client.send(&get(1, "/large")).unwrap();
    assert_eq!(outcome(&mut client, 1), CANCEL);
    let line = line_about(edge, "/large");
    assert_eq!((&line["failure"], &line["status"]), (&"the client took too long".into(), &200.into()));
    client.send(&get(3, "/other")).unwrap();
    client.send(&window(3, 65_535)).unwrap();
    assert_eq!(outcome(&mut client, 3), OK);
}

#[test]
fn a_response_that_is_taken_byte_by_byte_is_given_up() {
    let Stage { edge, .. } = &stage("body_idle: 3s, control_frames: 100000");
    let mut client = connect(edge, 0);
    client.send(&get(1, "/large")).unwrap();
    let began = Instant::now();
    let mut given_up = None;
    while given_up.is_none() {
        assert!(began.elapsed() < SOON, "it was waited for");
        client.send(&window(1, 1)).unwrap();
        // Each is taken, but far fewer than there should be.
        let next = Instant::now() + Duration::from_millis(20);
        while let Some(frame) = next_on(&mut client, 1, next.saturating_duration_since(Instant::now())) {
            given_up = (frame.kind == Frame::RST_STREAM).then_some(frame.payload).or(given_up);
        }
    }
    assert_eq!(given_up.unwrap(), [0, 0, 0, 8]);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    client.send(&get(3, "/other")).unwrap();
    client.send(&window(3, 65_535)).unwrap();
    assert_eq!(outcome(&mut client, 3), OK);
}

/// What is slow, and fast enough, may take longer over a piece than anybody may be silent.
#[test]
fn a_response_that_is_taken_slowly_enough_goes_on() {
    let Stage { edge, .. } = &stage("body_idle: 900ms");
    let mut client = connect(edge, 0);
    client.send(&get(1, "/large")).unwrap();
    let (began, mut taken) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(3) {
        client.send(&window(1, 1000)).unwrap();
        while let Some(frame) = next_on(&mut client, 1, Duration::from_millis(150)) {
            assert_ne!(frame.kind, Frame::RST_STREAM, "after {taken} bytes");
            taken += if frame.kind == Frame::DATA { frame.payload.len() } else { 0 };
        }
    }
    assert!((15_000..64 * 1024).contains(&taken), "{taken}");
}

/// Either side of a call may be silent for as long as its endpoint may.
#[test]
fn a_call_of_grpc_may_be_silent() {
    let Stage { edge, .. } = &stage("body_idle: 200ms");
    let mut client = connect(edge, 65_535);
    let call = [fields("POST", "/call"), vec![("content-type", "application/grpc")]].concat();
    client.send(&Frame::head(1, &call)).unwrap();
    client.send(&data(1, b"hello")).unwrap();
    assert_eq!(next_on(&mut client, 1, Duration::from_secs(1)), None);
    client.send(&Frame::new(Frame::DATA, Frame::END_STREAM, 1, *b" again")).unwrap();
    assert_eq!(outcome(&mut client, 1), OK);
}

#[test]
fn three_hundred_that_open_windows_byte_by_byte_keep_nobody_waiting() {
    let Stage { edge, .. } = &stage("body_idle: 3s, control_frames: 100000");
    let mut slow: Vec<_> = (0..300).map(|_| connect(edge, 0)).collect();
    for client in &mut slow {
        client.send(&get(1, "/large")).unwrap();
    }
    for client in &mut slow {
        assert_eq!(next_on(client, 1, SOON).unwrap().kind, Frame::HEADERS);
    }
    let (healthy, mut calm) = (Client::h2c(edge.address()), connect(edge, 0));
    let began = Instant::now();
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    while super::metric(edge, "edgeloom_exchanges_open") > 0 {
        assert!(began.elapsed() < SOON, "they are waited for");
        for client in &mut slow {
            client.send(&window(1, 1)).unwrap();
        }
        let asked = Instant::now();
        assert_eq!(healthy.get("/healthy").status(), 200);
        longest = longest.max(asked.elapsed());
        rounds += 1;
        // Slower than they may be: this one has asked for nothing.
        assert_eq!(next_on(&mut calm, 1, Duration::from_millis(20)), None);
    }
    assert!(rounds > 1 && longest < Duration::from_secs(2), "{rounds} rounds, {longest:?}");
    for client in &mut slow {
        assert_eq!(outcome(client, 1), CANCEL);
        client.send(&get(3, "/other")).unwrap();
        client.send(&window(3, 65_535)).unwrap();
        assert_eq!(outcome(client, 3), OK);
    }
}

/// What an endpoint does not take fills the window of its own stream, and of no other.
#[test]
fn an_upload_that_is_stuck_keeps_no_other_from_going_on() {
    const PIECE: usize = 16 * 1024;
    let hung = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(60)));
    let echo = Origin::echo("echo");
    for protocol in ["http1", "http2"] {
        let edge = Edge::start(&format!(
            "
            listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
            clusters:
              hung: {{ endpoints: ['{}'], protocol: {protocol}, retries: 0, timeouts: {{ write: 1s, read: 1s }} }}
              echo: {{ endpoints: ['{}'], protocol: {protocol} }}
            routes:
              - {{ name: stuck, when: {{ path: /stuck }}, to: hung, body: 1GiB }}
              - {{ name: echo, to: echo, body: 1GiB }}
            ",
            hung.address(),
            echo.address()
        ));
        let mut client = connect(&edge, 65_535);
        let mut upload = Upload::begin(&mut client, 1, "/stuck");
        let began = Instant::now();
        // Until nobody takes anything more.
        while upload.send_piece(&mut client, &[b'x'; PIECE], Duration::from_millis(500)) {
            assert!(began.elapsed() < SOON, "{protocol}: {} bytes were taken", upload.sent);
        }
        assert!(upload.sent > 64 * 1024, "{protocol}: {}", upload.sent);
        for stream in [3, 5, 7] {
            let mut other = Upload::begin(&mut client, stream, "/other");
            for _ in 0..16 {
                assert!(other.send_piece(&mut client, &[b'x'; PIECE], SOON), "{protocol}: {}", other.sent);
            }
            client.send(&Frame::new(Frame::DATA, Frame::END_STREAM, stream, [])).unwrap();
            assert_eq!(outcome(&mut client, stream), OK, "{protocol}");
        }
        let line = line_about(&edge, "/stuck");
        assert_eq!((&line["failure"], &line["status"]), (&"the endpoint took too long".into(), &504.into()));
    }
}

/// The body of a request on a stream, sent as its window allows; that of the connection is no matter here.
struct Upload {
    stream: u32,
    window: usize,
    sent: usize,
}

impl Upload {
    fn begin(client: &mut Frames, stream: u32, path: &str) -> Self {
        client.send(&post(stream, path)).unwrap();
        Self { stream, window: 65_535, sent: 0 }
    }

    /// Whether there was room for it in time.
    fn send_piece(&mut self, client: &mut Frames, piece: &[u8], within: Duration) -> bool {
        while self.window < piece.len() {
            let Some(frame) = next_on(client, self.stream, within) else { return false };
            assert_eq!(frame.kind, Frame::WINDOW_UPDATE, "{frame:?}");
            let by: [u8; 4] = frame.payload.try_into().unwrap();
            self.window += usize::try_from(u32::from_be_bytes(by)).unwrap();
        }
        client.send(&data(self.stream, piece)).unwrap();
        (self.window, self.sent) = (self.window - piece.len(), self.sent + piece.len());
        true
    }
}
