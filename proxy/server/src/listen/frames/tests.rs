use super::*;

const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CANCEL: u8 = 8;
const REFUSED: u8 = 7;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, 1], payload].concat()
}

fn reset(code: u8) -> Vec<u8> {
    frame(RST_STREAM, &[0, 0, 0, code])
}

/// How many of these pass.
fn pass(frames: &mut Frames, sent: &[u8]) -> usize {
    (0..1000).take_while(|_| frames.come(sent).is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn resets_are_counted_in_any_pieces_and_nothing_else_is() {
    let data = frame(DATA, &reset(CANCEL).repeat(100));
    let sent = [b"preface".to_vec(), data, reset(CANCEL), frame(HEADERS, b"head"), reset(CANCEL)].concat();
    for size in [1, 2, 7, 9, 10, 13, sent.len()] {
        let mut frames = Frames::after(7, 2, 0);
        assert!(sent.chunks(size).all(|piece| frames.come(piece).is_ok()), "{size}");
        assert_eq!((frames.resets.used / 4, frames.came.payload), (2, 0), "{size}");
        assert_eq!(frames.come(&reset(CANCEL)), Err(Excess::Resets), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_minute_they_count_anew() {
    let mut frames = Frames::after(0, 1, 1);
    assert_eq!(frames.come(&reset(CANCEL)), Ok(()));
    tokio::time::advance(WINDOW).await;
    assert_eq!(frames.come(&reset(CANCEL)), Ok(()));
    assert_eq!(frames.come(&reset(CANCEL)), Err(Excess::Resets));
    assert_eq!(Frames::after(0, 0, 0).come(&reset(CANCEL)), Err(Excess::Resets));
}

#[tokio::test(start_paused = true)]
async fn what_the_client_makes_us_reset_is_counted_with_them_and_our_own_failures_are_not() {
    let mut frames = Frames::after(0, 3, 0);
    for size in [1, 13] {
        let ours: Vec<u8> = [reset(CANCEL), reset(0), reset(2), reset(REFUSED)].concat();
        assert!(ours.chunks(size).all(|piece| frames.go(piece).is_ok()));
    }
    assert_eq!(frames.come(&reset(CANCEL)), Ok(()));
    assert_eq!(frames.go(&reset(REFUSED)), Err(Excess::Refusals));
}

#[tokio::test(start_paused = true)]
async fn frames_that_ask_for_nothing_are_bounded() {
    for kind in [2, 4, PING, 7, WINDOW_UPDATE, 9, 16, 200] {
        assert_eq!(pass(&mut Frames::after(0, 0, 20), &frame(kind, b"12345678")), 20, "{kind}");
    }
    assert_eq!(pass(&mut Frames::after(0, 0, 20), &frame(DATA, b"")), 20);
    let last = [0, 0, 0, DATA, END_STREAM, 0, 0, 0, 1];
    assert_eq!(pass(&mut Frames::after(0, 0, 20), &last), 1000);
    assert_eq!(pass(&mut Frames::after(0, 0, 20), &frame(DATA, b"a")), 1000);
}

#[tokio::test(start_paused = true)]
async fn who_reads_may_open_windows_and_who_opens_them_byte_by_byte_may_not() {
    let update = frame(WINDOW_UPDATE, &[0, 0, 0, 1]);
    for (piece, passed) in [(5, 1000), (4, 1000), (2, 40), (1, 26)] {
        let mut frames = Frames::after(0, 0, 20);
        let turns = (0..1000).take_while(|_| {
            frames.go(&frame(DATA, &vec![b'x'; piece])).unwrap();
            frames.come(&update).is_ok()
        });
        assert_eq!(turns.count(), passed, "{piece}");
    }
}
