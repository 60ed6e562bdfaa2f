use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

use edgeloom_core::units::Bytes;
use pingora_core::protocols::Peek as _;

use super::*;
use crate::limits::LINGER;
use crate::listen::excess::Excess;
use crate::listen::http2::Known;

const SECOND: Duration = Duration::from_secs(1);
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n";
const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

fn connection() -> (Connection, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    (Connection::new(Box::new(ours), &Limits::default(), |_| ()), theirs)
}

/// What a reader gets until nothing more is given to it.
async fn given(connection: &mut Connection) -> Vec<u8> {
    connection.exchange_has_begun();
    let mut bytes = Vec::new();
    let reading = async {
        let mut piece = [0; 7];
        loop {
            match connection.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
            }
        }
    };
    // Time is paused: it passes where nothing else happens.
    let _ = timeout(SECOND / 10, reading).await;
    bytes
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_is_read_again() {
    let (mut connection, mut client) = connection();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    connection.look_for_preface(&Limits::default()).await.unwrap();
    let mut peeked = [1; 24];
    assert!(connection.try_peek(&mut peeked).await.unwrap());
    assert_ne!(&peeked, PREFACE);
    assert_eq!(connection.head(&Limits::default()).await, Ok(true));
    assert_eq!(given(&mut connection).await, b"GET / HTTP/1.0\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn the_preface_is_known_byte_by_byte() {
    let (mut connection, mut client) = connection();
    let writing = async {
        for byte in PREFACE {
            client.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let limits = Limits::default();
    let (looked, ()) = tokio::join!(connection.look_for_preface(&limits), writing);
    looked.unwrap();
    assert!(connection.speaks_http2());
    let mut peeked = [0; 24];
    assert!(connection.try_peek(&mut peeked).await.unwrap());
    assert_eq!(&peeked, PREFACE);
    let known = Arc::new(Known::new());
    let limits = Limits { resets: 0, ..limits };
    connection.watch_frames(&limits, Arc::clone(&known));
    assert_eq!(given(&mut connection).await, PREFACE);
    client.write_all(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]).await.unwrap();
    client.write_all(b"and more").await.unwrap();
    // From the piece that it is in, nothing more is read; and whoever serves the streams is told why.
    assert_eq!(given(&mut connection).await.len(), 7);
    assert_eq!(known.excess().await, Excess::Resets);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_or_hangs_up_is_not_waited_for() {
    let began = Instant::now();
    let (mut silent, _client) = connection();
    assert_eq!(
        silent.look_for_preface(&Limits::default()).await.unwrap_err().kind(),
        io::ErrorKind::TimedOut
    );
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(silent.head(&Limits::default()).await, Ok(false));
    assert_eq!(began.elapsed().as_secs(), 120);

    let (mut connection, client) = connection();
    drop(client);
    assert_eq!(
        connection.look_for_preface(&Limits::default()).await.unwrap_err().kind(),
        io::ErrorKind::UnexpectedEof
    );
    assert_eq!(connection.head(&Limits::default()).await, Ok(false));
}

/// Sends a byte a second, until it can not.
async fn drip(client: &mut DuplexStream, bytes: &[u8]) {
    for byte in bytes {
        if client.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn heads_and_prefaces_that_drip_in_end_at_their_deadline() {
    let began = Instant::now();
    for dripped in [GET, PREFACE] {
        let (mut connection, mut client) = connection();
        let limits = Limits { head: 5 * SECOND, ..Limits::default() };
        let reading = async {
            match connection.look_for_preface(&limits).await {
                Ok(()) => assert_eq!(connection.head(&limits).await, Err(Refusal::Late)),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            }
        };
        tokio::select! {
            () = drip(&mut client, dripped) => panic!("the client was done first"),
            () = reading => {}
        }
    }
    assert!((10..=12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_in_ends_at_its_rate() {
    for body in [POST.to_vec(), CHUNKED.to_vec()] {
        let (mut connection, mut client) = connection();
        let limits = Limits { body_idle: 9 * SECOND, ..Limits::default() };
        connection.pace.idle = limits.body_idle;
        client.write_all(&body).await.unwrap();
        connection.head(&limits).await.unwrap();
        connection.exchange_has_begun();
        let mut bytes = Vec::new();
        let began = Instant::now();
        let slow = async {
            drip(&mut client, b"4\r\n").await;
            tokio::time::sleep(100 * SECOND).await;
        };
        let error = tokio::select! {
            () = slow => panic!("it was waited for"),
            end = connection.read_to_end(&mut bytes) => end.unwrap_err(),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!((3..=5).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_is_given_up() {
    let (mut connection, _client) = connection();
    connection.exchange_has_begun();
    let began = Instant::now();
    let error = connection.write_all(&[b'x'; 100_000]).await.unwrap_err();
    assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_pingoras_is_told_and_not_signed() {
    let (ours, mut client) = tokio::io::duplex(1024);
    let (sender, told) = std::sync::mpsc::channel();
    let refused = move |refusal: &Refusal| sender.send(*refusal).unwrap();
    let mut connection = Connection::new(Box::new(ours), &Limits::default(), refused);
    connection.write_all(b"HTTP/1.1 400 No\r\nServer: Pingora\r\n\r\n").await.unwrap();
    assert_eq!(told.try_recv(), Ok(Refusal::Malformed(http::StatusCode::BAD_REQUEST)));
    // Once there is an exchange, what is written is not ours to change.
    connection.exchange_has_begun();
    connection.write_all(b"HTTP/1.1 200 OK\r\nServer: origin\r\n\r\n").await.unwrap();
    connection.flush().await.unwrap();
    drop(connection);
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "HTTP/1.1 400 No\r\n\r\nHTTP/1.1 200 OK\r\nServer: origin\r\n\r\n");
    assert!(told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_ours_is_told_and_read() {
    let (ours, mut client) = tokio::io::duplex(1024);
    let (sender, told) = std::sync::mpsc::channel();
    let refused = move |refusal: &Refusal| sender.send(*refusal).unwrap();
    let mut connection = Connection::new(Box::new(ours), &Limits::default(), refused);
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\nand more").await.unwrap();
    let refusal = connection.head(&Limits::default()).await.unwrap_err();
    let began = Instant::now();
    let reading = async {
        let mut seen = String::new();
        client.read_to_string(&mut seen).await.unwrap();
        drop(client);
        seen
    };
    let (seen, ()) = tokio::join!(reading, connection.refuse(&refusal));
    assert!(
        seen.starts_with("HTTP/1.1 400 Bad Request\r\n") && seen.ends_with("more than one `host`.\n"),
        "{seen}"
    );
    assert!(told.try_recv().is_ok() && began.elapsed() < SECOND, "it ends when the client has hung up");
}

/// Whatever the pieces, each message is given to its reader whole, and not a byte of the next.
#[tokio::test(start_paused = true)]
async fn a_reader_gets_one_message_at_a_time() {
    let messages =
        [GET.to_vec(), [POST, b"body"].concat(), [CHUNKED, b"3\r\nabc\r\n0\r\n\r\n"].concat(), GET.to_vec()];
    let sent = messages.concat();
    for size in [1, 2, 3, 5, 29, 64, sent.len()] {
        let (mut connection, mut client) = connection();
        let writing = async {
            for piece in sent.chunks(size) {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        };
        let reading = async {
            for message in &messages {
                assert_eq!(connection.head(&Limits::default()).await, Ok(true), "{size}");
                assert_eq!(given(&mut connection).await, *message, "{size}");
                assert!(connection.is_between_messages());
            }
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
        }
        connection.forget();
        assert_eq!(connection.ahead.capacity(), 0, "one that waits holds nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_head_gets_nothing_behind_it() {
    let (mut connection, mut client) = connection();
    client.write_all(&[POST, b"body"].concat()).await.unwrap();
    assert_eq!(connection.head(&Limits::default()).await, Ok(true));
    let mut head = Vec::new();
    connection.read_to_end(&mut head).await.unwrap();
    assert_eq!(head, POST);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_request_is_not_the_end_of_the_client() {
    let (mut connection, mut client) = connection();
    client.write_all(GET).await.unwrap();
    connection.head(&Limits::default()).await.unwrap();
    assert_eq!(given(&mut connection).await, GET);
    let mut byte = [0];
    let waiting = timeout(1000 * SECOND, connection.read(&mut byte));
    assert!(waiting.await.is_err(), "an answer may take long");
    drop(client);
    assert_eq!(connection.read(&mut [0; 8]).await.unwrap(), 0, "it is noticed that the client has gone");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_none_is_an_error() {
    let (mut connection, mut client) = connection();
    client.write_all(&[CHUNKED, b"x\r\n"].concat()).await.unwrap();
    connection.head(&Limits::default()).await.unwrap();
    connection.exchange_has_begun();
    let error = connection.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test(start_paused = true)]
async fn heads_are_bounded_before_they_are_whole() {
    let limits = Limits { header_bytes: Bytes(300), target: Bytes(100), ..Limits::default() };
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000));
    let large = format!("GET / HTTP/1.1\r\n{}", format!("x: {}\r\n", "y".repeat(100)).repeat(30));
    for (sent, refusal) in [(&long[..1500], Refusal::TargetTooLong), (&large, Refusal::HeadTooLarge)] {
        let (ours, mut client) = tokio::io::duplex(4096);
        let mut connection = Connection::new(Box::new(ours), &limits, |_| ());
        client.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(connection.head(&limits).await, Err(refusal));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_request_is_known() {
    let (ours, mut client) = tokio::io::duplex(1024);
    let limits = Limits { requests_per_connection: 2, ..Limits::default() };
    let mut connection = Connection::new(Box::new(ours), &limits, |_| ());
    for last in [false, true] {
        client.write_all(GET).await.unwrap();
        connection.head(&limits).await.unwrap();
        assert_eq!(given(&mut connection).await, GET);
        assert_eq!(connection.is_at_its_last_request(), last);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_answered_early_is_heard_out_for_a_while() {
    const LARGE: &[u8] = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n";
    let (mut connection, mut client) = connection();
    client.write_all(LARGE).await.unwrap();
    assert_eq!(connection.head(&Limits::default()).await, Ok(true));
    connection.exchange_has_begun();
    connection.write_all(b"HTTP/1.1 413 \r\n\r\n").await.unwrap();
    drop(connection);
    let began = Instant::now();
    // More than fits between the two.
    client.write_all(&[b'x'; 100_000]).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413 \r\n\r\n");
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(2 * LINGER).await;
    assert!(client.write_all(b"x").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_has_said_everything_is_hung_up_on_at_once() {
    let (mut connection, mut client) = connection();
    client.write_all(GET).await.unwrap();
    assert_eq!(connection.head(&Limits::default()).await, Ok(true));
    given(&mut connection).await;
    connection.exchange_has_begun();
    drop(connection);
    assert!(client.write_all(b"x").await.is_err());
}
