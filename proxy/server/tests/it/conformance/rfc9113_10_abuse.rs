use edgeloom_testbed::{Edge, Frame, Frames, Manner, Origin, Outcome, fields_of};

use super::{ASK, ENHANCE_YOUR_CALM, SOON, ask, edge};

/// Sends what `next` makes until the other side has had enough; how much of it that was.
fn until_enough(edge: &Edge, most: u32, next: impl Fn(u32) -> Vec<Frame>) -> (u32, Outcome) {
    let mut client = Frames::connect(edge.address()).unwrap();
    let sent =
        (0..most).take_while(|turn| next(*turn).iter().all(|frame| client.send(frame).is_ok())).count();
    let outcome = client.outcome(u32::MAX, SOON).unwrap();
    (u32::try_from(sent).unwrap(), outcome)
}

fn goes_on(edge: &Edge) {
    let mut client = Frames::connect(edge.address()).unwrap();
    client.send(&ask(1)).unwrap();
    assert_eq!(client.outcome(1, SOON).unwrap(), Outcome::Answered(200));
}

/// Section 10.5: streams that are begun and given up cost the origin, and the client nothing.
#[test]
fn resets_without_end_end_the_connection() {
    let origin = Origin::behaving(Manner::saying("hello").slow(std::time::Duration::from_millis(50)));
    let edge = edge(&origin);
    let (_, outcome) = until_enough(&edge, 100_000, |turn| {
        let stream = 2 * turn + 1;
        vec![ask(stream), Frame::new(Frame::RST_STREAM, 0, stream, [0, 0, 0, 8])]
    });
    assert!([Outcome::Gone(ENHANCE_YOUR_CALM), Outcome::Closed].contains(&outcome), "{outcome:?}");
    goes_on(&edge);
    assert!(origin.requests() < 5_000, "{} requests reached the origin", origin.requests());
}

/// Section 10.5: a head in pieces that never ends.
#[test]
fn a_head_without_end_ends_the_connection() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    let before = edge.peak_memory().unwrap();
    for piece in [fields_of(&[("x-large", &"x".repeat(16_000))]), fields_of(&[("x", "y")]), Vec::new()] {
        let (sent, outcome) = until_enough(&edge, 100_000, |turn| match turn {
            0 => vec![Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, fields_of(&ASK))],
            _ => vec![Frame::new(Frame::CONTINUATION, 0, 1, piece.clone())],
        });
        assert!(sent < 100_000, "{sent} frames were taken");
        assert!(!matches!(outcome, Outcome::Nothing | Outcome::Answered(200)), "{outcome:?}");
    }
    goes_on(&edge);
    let grown = edge.peak_memory().unwrap().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes more than before");
}

/// Section 6.5.3 and 6.7: each wants an answer, which nobody reads.
#[test]
fn questions_without_end_do_not_fill_the_edge() {
    let origin = Origin::saying("hello");
    let edge = edge(&origin);
    goes_on(&edge);
    let before = edge.peak_memory().unwrap();
    for question in [Frame::new(Frame::PING, 0, 0, [0; 8]), Frame::new(Frame::SETTINGS, 0, 0, [])] {
        let mut client = Frames::connect(edge.address()).unwrap();
        client.patience(std::time::Duration::from_millis(500)).unwrap();
        let many = question.bytes().repeat(1000);
        // It takes no more of them, or has closed.
        let refused = (0..2_000).any(|_| client.send_bytes(&many).is_err());
        assert!(refused, "{question:?}");
    }
    goes_on(&edge);
    let grown = edge.peak_memory().unwrap().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes more than before");
}
