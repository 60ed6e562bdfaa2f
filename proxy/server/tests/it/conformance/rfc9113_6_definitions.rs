use edgeloom_testbed::{Edge, Frame, Frames, Manner, Origin, Outcome, fields_of};

use super::{ASK, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, Fault, PROTOCOL_ERROR, SOON, ask, edge, find, send};

const GONE: &[Outcome] = &[Outcome::Gone(PROTOCOL_ERROR)];

/// Sections 6.1, 6.2, 6.4, 6.5, 6.7 and 6.8: what belongs to a stream, and what to the connection.
#[test]
fn frames_come_where_they_belong() {
    find(&[
        Fault::new("DATA of no stream", [Frame::new(Frame::DATA, 0, 0, *b"x")], GONE),
        Fault::new("HEADERS of no stream", [ask(0)], GONE),
        Fault::new("RST_STREAM of no stream", [Frame::new(Frame::RST_STREAM, 0, 0, [0; 4])], GONE),
        Fault::new("PRIORITY of no stream", [Frame::new(Frame::PRIORITY, 0, 0, [0; 5])], GONE),
        Fault::new("SETTINGS of a stream", [send(1), Frame::new(Frame::SETTINGS, 0, 1, [])], GONE),
        Fault::new("PING of a stream", [send(1), Frame::new(Frame::PING, 0, 1, [0; 8])], GONE),
        Fault::new("GOAWAY of a stream", [send(1), Frame::new(Frame::GOAWAY, 0, 1, [0; 8])], GONE),
        // Section 6.6: a client has nothing to push.
        Fault::new("PUSH_PROMISE", [send(1), Frame::new(Frame::PUSH_PROMISE, 4, 1, [0, 0, 0, 2])], GONE),
    ]);
}

/// Sections 6.1 and 6.2.
#[test]
fn padding_is_no_longer_than_its_frame() {
    let block = fields_of(&ASK);
    let padded = |length: u8| {
        let payload = [&[length][..], &block, &[0; 7]].concat();
        [Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS | Frame::PADDED, 1, payload)]
    };
    find(&[
        Fault::new("seven bytes of it", padded(7), &[Outcome::Answered(200)]),
        Fault::new("more than there is, of HEADERS", padded(200), GONE),
        Fault::new(
            "more than there is, of DATA",
            [send(1), Frame::new(Frame::DATA, Frame::PADDED, 1, [9, 0])],
            GONE,
        ),
        Fault::new(
            "no length of it",
            [send(1), Frame::new(Frame::DATA, Frame::PADDED, 1, [])],
            &[Outcome::Gone(PROTOCOL_ERROR), Outcome::Gone(FRAME_SIZE_ERROR)],
        ),
    ]);
}

/// Section 6.5.2.
#[test]
fn settings_have_their_bounds() {
    let set = |name: u8, value: u32| {
        [Frame::new(Frame::SETTINGS, 0, 0, [&[0, name][..], &value.to_be_bytes()].concat()), ask(1)]
    };
    find(&[
        Fault::new("pushing neither on nor off", set(2, 2), GONE),
        Fault::new(
            "a window of 2 GiB",
            set(4, 0x8000_0000),
            &[Outcome::Gone(FLOW_CONTROL_ERROR), Outcome::Gone(PROTOCOL_ERROR)],
        ),
        Fault::new("frames of less than 16 KiB", set(5, 16_383), GONE),
        Fault::new("frames of more than 16 MiB", set(5, 0x0100_0000), GONE),
        Fault::new("a setting that nobody knows", set(0xfe, 7), &[Outcome::Answered(200)]),
    ]);
}

/// Sections 6.5.3 and 6.7.
#[test]
fn settings_and_pings_are_confirmed() {
    let origin = Origin::echo("origin");
    let edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    client.send(&Frame::new(Frame::PING, 0, 0, *b"01234567")).unwrap();
    // Nobody answers an answer.
    client.send(&Frame::new(Frame::PING, Frame::ACK, 0, *b"answered")).unwrap();
    client.send(&Frame::new(Frame::PING, 0, 0, *b"the last")).unwrap();
    let mut heard = Vec::new();
    while !heard.iter().any(|frame: &Frame| frame.payload == b"the last") {
        heard.push(client.next(SOON).unwrap().unwrap());
    }
    let confirmed = |kind| heard.iter().filter(move |frame| frame.kind == kind && frame.flags == Frame::ACK);
    assert_eq!(confirmed(Frame::SETTINGS).count(), 1);
    let pings: Vec<_> = confirmed(Frame::PING).map(|frame| &*frame.payload).collect();
    assert_eq!(pings, [b"01234567", b"the last"]);
}

/// Section 6.9.
#[test]
fn windows_grow_by_something_and_not_without_end() {
    let grow = |stream, by: u32| Frame::new(Frame::WINDOW_UPDATE, 0, stream, by.to_be_bytes());
    find(&[
        Fault::new("a connection's window by nothing", [grow(0, 0)], GONE),
        Fault::new(
            "a stream's window by nothing",
            [send(1), grow(1, 0)],
            &[Outcome::Reset(PROTOCOL_ERROR), Outcome::Gone(PROTOCOL_ERROR)],
        ),
        Fault::new(
            "a connection's window without end",
            [grow(0, 0x7fff_ffff), grow(0, 0x7fff_ffff)],
            &[Outcome::Gone(FLOW_CONTROL_ERROR)],
        ),
        Fault::new(
            "a stream's window without end",
            [send(1), grow(1, 0x7fff_ffff), grow(1, 0x7fff_ffff)],
            &[Outcome::Reset(FLOW_CONTROL_ERROR), Outcome::Gone(FLOW_CONTROL_ERROR)],
        ),
    ]);
}

/// Section 6.9.2: what a smaller window takes back is owed, and what a larger one gives is used.
#[test]
fn nothing_is_sent_that_no_window_has_room_for() {
    let origin = Origin::behaving(Manner::measuring());
    let edge: Edge = edge(&origin);
    let mut client = Frames::connect(edge.address()).unwrap();
    let window = |size: u32| Frame::new(Frame::SETTINGS, 0, 0, [&[0, 4][..], &size.to_be_bytes()].concat());
    client.send(&window(10)).unwrap();
    let fields: Vec<_> =
        ASK.iter().map(|field| if field.0 == ":path" { (":path", "/1000") } else { *field }).collect();
    client.send(&Frame::request(1, &fields)).unwrap();
    let mut received = 0;
    let mut take = |client: &mut Frames, until: usize| {
        while received < until {
            let frame = client.next(SOON).unwrap().unwrap();
            if frame.kind == Frame::DATA {
                received += frame.payload.len();
            }
        }
        // Nothing comes before the answer to this but what had room.
        client.send(&Frame::new(Frame::PING, 0, 0, *b"and now?")).unwrap();
        loop {
            let frame = client.next(SOON).unwrap().unwrap();
            received += if frame.kind == Frame::DATA { frame.payload.len() } else { 0 };
            if frame.kind == Frame::PING {
                break received;
            }
        }
    };
    assert_eq!(take(&mut client, 10), 10);
    client.send(&Frame::new(Frame::WINDOW_UPDATE, 0, 1, 5_u32.to_be_bytes())).unwrap();
    assert_eq!(take(&mut client, 15), 15);
    client.send(&window(30)).unwrap();
    assert_eq!(take(&mut client, 35), 35);
    client.send(&window(2000)).unwrap();
    assert_eq!(take(&mut client, 1000), 1000);
}
