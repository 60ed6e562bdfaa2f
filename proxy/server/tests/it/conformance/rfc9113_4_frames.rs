use edgeloom_testbed::{Frame, Frames, Origin, Outcome, fields_of};

use super::{ASK, COMPRESSION_ERROR, FRAME_SIZE_ERROR, Fault, PROTOCOL_ERROR, SOON, ask, edge, find, send};

/// Section 4.1: implementations must ignore frames of types that they do not know, and flags that mean nothing.
#[test]
fn frames_that_nobody_knows_are_ignored() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    client.send(&Frame::new(0xfe, 0xff, 0, *b"whatever")).unwrap();
    client.send(&Frame::new(0xfe, 0xff, 1, [])).unwrap();
    let request = ask(1);
    client.send(&Frame { flags: request.flags | 0x40 | 0x80, ..request }).unwrap();
    assert_eq!(client.outcome(1, SOON).unwrap(), Outcome::Answered(200));
    // The highest bit of a stream's number is reserved.
    client.send(&ask(0x8000_0003)).unwrap();
    assert_eq!(client.outcome(3, SOON).unwrap(), Outcome::Answered(200));
}

/// Section 4.2. Of frames that can not be read the library below says `PROTOCOL_ERROR`, where the standard has
/// a code of its own; that the connection ends is what counts.
#[test]
fn frames_of_a_wrong_size_are_refused() {
    let gone = &[Outcome::Gone(FRAME_SIZE_ERROR), Outcome::Gone(PROTOCOL_ERROR)];
    find(&[
        Fault::new(
            "DATA of more than 16 KiB",
            [send(1), Frame::new(Frame::DATA, 0, 1, vec![0; 16_385])],
            &[Outcome::Gone(FRAME_SIZE_ERROR), Outcome::Reset(FRAME_SIZE_ERROR)],
        ),
        Fault::new("HEADERS of more than 16 KiB", [Frame::request(1, &[("x", &"x".repeat(16_384))])], gone),
        Fault::new("SETTINGS of five bytes", [Frame::new(Frame::SETTINGS, 0, 0, [0; 5])], gone),
        Fault::new(
            "a confirmation of SETTINGS with content",
            [Frame::new(Frame::SETTINGS, Frame::ACK, 0, [0; 6])],
            gone,
        ),
        Fault::new("PING of seven bytes", [Frame::new(Frame::PING, 0, 0, [0; 7])], gone),
        Fault::new("RST_STREAM of three bytes", [send(1), Frame::new(Frame::RST_STREAM, 0, 1, [0; 3])], gone),
        Fault::new("WINDOW_UPDATE of three bytes", [Frame::new(Frame::WINDOW_UPDATE, 0, 0, [0; 3])], gone),
        Fault::new("GOAWAY of seven bytes", [Frame::new(Frame::GOAWAY, 0, 0, [0; 7])], gone),
    ]);
}

/// Section 4.3, with the same of the code.
#[test]
fn fields_that_can_not_be_decoded_end_the_connection() {
    let gone = &[Outcome::Gone(COMPRESSION_ERROR), Outcome::Gone(PROTOCOL_ERROR)];
    let block = |block: &[u8]| [Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, 1, block)];
    find(&[
        Fault::new("an index that is in no table", block(&[0xff, 0x7f]), gone),
        Fault::new("the index 0", block(&[0x80]), gone),
        Fault::new("a text that is longer than the block", block(&[0, 9, b'x']), gone),
        Fault::new("a table that is larger than agreed", block(&[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x07]), gone),
    ]);
}

/// Section 4.3: a block of fields comes in one piece, however many frames that takes.
#[test]
fn nothing_comes_between_the_frames_of_a_block() {
    let block = fields_of(&ASK);
    let (begin, rest) = block.split_at(block.len() / 2);
    let begins = |flags| Frame::new(Frame::HEADERS, flags, 1, begin);
    let goes_on = |stream| Frame::new(Frame::CONTINUATION, Frame::END_HEADERS, stream, rest);
    let gone = &[Outcome::Gone(PROTOCOL_ERROR)];
    find(&[
        Fault::new("in pieces", [begins(Frame::END_STREAM), goes_on(1)], &[Outcome::Answered(200)]),
        Fault::new("PING in between", [begins(1), Frame::new(Frame::PING, 0, 0, [0; 8]), goes_on(1)], gone),
        Fault::new("an unknown frame in between", [begins(1), Frame::new(0xfe, 0, 0, []), goes_on(1)], gone),
        Fault::new("the rest on another stream", [begins(1), goes_on(3)], gone),
        Fault::new("a rest without a beginning", [goes_on(1)], gone),
        Fault::new(
            "a rest behind the end",
            [ask(1), goes_on(1)],
            &[Outcome::Gone(PROTOCOL_ERROR), Outcome::Answered(200)],
        ),
    ]);
}
