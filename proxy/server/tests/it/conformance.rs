//! What the standards ask, by section: each file is named by its RFC and the section that it is about.

mod rfc9112_framing; // where a message of HTTP/1 ends
mod rfc9113_3_4_preface; // how HTTP/2 begins on a connection
mod rfc9113_4_frames; // what is a frame, and how large
mod rfc9113_5_streams; // what may come on a stream, and when
mod rfc9113_6_definitions; // what each frame must look like
mod rfc9113_8_messages; // what is a request
mod rfc9110_forwarding; // what a proxy does to a message

use std::time::Duration;

use edgeloom_testbed::{Edge, Frame, Frames, Origin, Outcome};

use super::SOON;

/// An edge with one route, to this origin.
fn edge(origin: &Origin) -> Edge {
    Edge::start(&format!(
        "
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        ",
        origin.address()
    ))
}

/// What HTTP/2 calls errors (RFC 9113 section 7).
const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const COMPRESSION_ERROR: u32 = 0x9;

/// The pseudo-header fields of a request.
const ASK: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
const SEND: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")];

fn ask(stream: u32) -> Frame {
    Frame::request(stream, &ASK)
}

/// A request whose body is to follow.
fn send(stream: u32) -> Frame {
    Frame::head(stream, &SEND)
}

/// Frames that must not be, and what must come of them on the first stream.
struct Fault {
    what: &'static str,
    frames: Vec<Frame>,
    outcomes: &'static [Outcome],
}

impl Fault {
    fn new(what: &'static str, frames: impl Into<Vec<Frame>>, outcomes: &'static [Outcome]) -> Self {
        Self { what, frames: frames.into(), outcomes }
    }
}

/// Each fault, on a connection of its own; then a request, because the edge goes on.
#[track_caller]
fn find(faults: &[Fault]) {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut wrong = Vec::new();
    for Fault { what, frames, outcomes } in faults {
        let mut client = Frames::connect(edge.address()).unwrap();
        // The other side may close before it has everything.
        let _ = frames.iter().try_for_each(|frame| client.send(frame));
        let outcome = client.outcome(1, Duration::from_secs(5)).unwrap();
        if !outcomes.contains(&outcome) {
            wrong.push(format!("{what}: {outcome:?} and not one of {outcomes:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut client = Frames::connect(edge.address()).unwrap();
    client.send(&ask(1)).unwrap();
    assert_eq!(client.outcome(1, SOON).unwrap(), Outcome::Answered(200));
}
