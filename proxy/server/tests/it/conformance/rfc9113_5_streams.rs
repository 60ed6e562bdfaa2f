use edgeloom_testbed::{Frame, Frames, Manner, Origin, Outcome};

use super::{Fault, PROTOCOL_ERROR, REFUSED_STREAM, SOON, STREAM_CLOSED, ask, edge, find, send};

/// Section 5.1: on a stream that has not begun, nothing may come but HEADERS and PRIORITY.
#[test]
fn frames_on_streams_that_have_not_begun_end_the_connection() {
    let gone = &[Outcome::Gone(PROTOCOL_ERROR)];
    find(&[
        Fault::new("DATA", [Frame::new(Frame::DATA, 0, 1, *b"x")], gone),
        Fault::new("RST_STREAM", [Frame::new(Frame::RST_STREAM, 0, 1, [0; 4])], gone),
        Fault::new("WINDOW_UPDATE", [Frame::new(Frame::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1])], gone),
        Fault::new("CONTINUATION", [Frame::new(Frame::CONTINUATION, 4, 1, [])], gone),
        Fault::new(
            "PRIORITY, which may",
            [Frame::new(Frame::PRIORITY, 0, 1, [0; 5]), ask(1)],
            &[Outcome::Answered(200)],
        ),
    ]);
}

/// Section 5.1: what comes on a stream after its end is not taken for a part of it.
#[test]
fn frames_behind_the_end_of_a_stream_are_refused() {
    let closed =
        &[Outcome::Reset(STREAM_CLOSED), Outcome::Gone(STREAM_CLOSED), Outcome::Gone(PROTOCOL_ERROR)];
    let reset = Frame::new(Frame::RST_STREAM, 0, 1, [0, 0, 0, 8]);
    find(&[
        Fault::new("DATA behind the end", [ask(1), Frame::new(Frame::DATA, 0, 1, *b"x")], closed),
        Fault::new("HEADERS behind the end", [ask(1), ask(1)], closed),
        Fault::new("HEADERS behind a reset", [send(1), reset, ask(1)], closed),
    ]);
}

/// Section 5.1.1.
#[test]
fn streams_are_numbered_upwards_and_oddly() {
    let gone = &[Outcome::Gone(PROTOCOL_ERROR)];
    find(&[
        Fault::new("an even number", [ask(2)], gone),
        Fault::new("a lower number than before", [send(5), ask(3)], gone),
        Fault::new("the number 0", [ask(0)], gone),
    ]);
}

/// Section 5.1.2: more streams than were agreed on are refused, one by one.
#[test]
fn streams_beyond_the_agreed_number_are_refused() {
    let origin = Origin::behaving(Manner::measuring());
    let edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    // Requests whose bodies do not come stay open.
    for stream in (1..=2 * 101).step_by(2) {
        client.send(&send(stream)).unwrap();
    }
    let refused = client.outcome(201, SOON).unwrap();
    assert!(
        [Outcome::Reset(REFUSED_STREAM), Outcome::Reset(PROTOCOL_ERROR)].contains(&refused),
        "{refused:?}"
    );
    // The others are as good as before.
    client.send(&Frame::new(Frame::DATA, Frame::END_STREAM, 1, *b"body")).unwrap();
    assert_eq!(client.outcome(1, SOON).unwrap(), Outcome::Answered(200));
}
