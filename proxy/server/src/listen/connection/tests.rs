use tokio::io::DuplexStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn connection() -> (Connection, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    (Connection::new(Box::new(ours), |_| ()), theirs)
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_is_read_again() {
    let (mut connection, mut client) = connection();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    connection.look_for_preface(Duration::from_secs(1)).await.unwrap();
    let mut peeked = [1; 24];
    assert!(connection.try_peek(&mut peeked).await.unwrap());
    assert_ne!(&peeked, PREFACE);
    let mut read = [0; 64];
    let mut count = 0;
    while count < 18 {
        count += connection.read(&mut read[count..]).await.unwrap();
    }
    assert_eq!(&read[..count], b"GET / HTTP/1.0\r\n\r\n");
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
    let (looked, ()) = tokio::join!(connection.look_for_preface(Duration::from_secs(1)), writing);
    looked.unwrap();
    let mut peeked = [0; 24];
    assert!(connection.try_peek(&mut peeked).await.unwrap());
    assert_eq!(&peeked, PREFACE);
    assert!(connection.stage.is(BODY));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_waited_for() {
    let (mut connection, _client) = connection();
    let error = connection.look_for_preface(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_is_not_waited_for() {
    let (mut connection, client) = connection();
    drop(client);
    let error = connection.look_for_preface(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Drips a byte a second; how long the connection stood that, and with what it ended.
async fn drip(connection: &mut Connection, mut client: DuplexStream) -> (Duration, io::ErrorKind) {
    let began = Instant::now();
    let dripping = async {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let reading = async {
        let mut byte = [0];
        loop {
            if let Err(error) = connection.read(&mut byte).await {
                return error.kind();
            }
        }
    };
    tokio::select! {
        () = dripping => panic!("the client gave up first"),
        kind = reading => (began.elapsed(), kind),
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_in_ends_at_its_deadline() {
    let (mut connection, client) = connection();
    let (took, kind) = drip(&mut connection, client).await;
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(took >= HEAD_TIMEOUT && took <= HEAD_TIMEOUT + Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_heads_only() {
    let (mut connection, mut client) = connection();
    client.write_all(b"head").await.unwrap();
    let mut head = [0; 4];
    connection.read_exact(&mut head).await.unwrap();
    connection.head_is_complete();
    tokio::time::sleep(HEAD_TIMEOUT * 2).await;
    client.write_all(b"body").await.unwrap();
    connection.read_exact(&mut head).await.unwrap();

    connection.exchange_has_ended();
    let (took, kind) = drip(&mut connection, client).await;
    assert_eq!(kind, io::ErrorKind::TimedOut);
    assert!(took >= HEAD_TIMEOUT, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_not_signed() {
    let (ours, mut client) = tokio::io::duplex(1024);
    let (sender, told) = std::sync::mpsc::channel();
    let mut connection = Connection::new(Box::new(ours), move |status| sender.send(status).unwrap());
    connection.write_all(b"HTTP/1.1 405 No\r\nServer: Pingora\r\n\r\n").await.unwrap();
    assert_eq!(told.try_recv(), Ok(405));
    // Once there is an exchange, what is written is not ours to change.
    connection.head_is_complete();
    connection.write_all(b"HTTP/1.1 200 OK\r\nServer: origin\r\n\r\n").await.unwrap();
    connection.flush().await.unwrap();
    drop(connection);
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "HTTP/1.1 405 No\r\n\r\nHTTP/1.1 200 OK\r\nServer: origin\r\n\r\n");
    assert!(told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_at_rest_where_nothing_can_have_been_read_but_one_head() {
    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let two = [HEAD, HEAD].concat();
    let cases: [(&[&[u8]], bool); 6] = [
        (&[HEAD], true),
        (&[&two], false),
        (&[&two[..HEAD.len() + 5]], false),
        (&[b"GET / HTTP/1.1\r\nhost: a\r\n\r", b"\n"], false),
        (&[b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n", b"\r\n\r\n"], false),
        (&[b"\r\n\r\n", HEAD], false),
    ];
    for (sent, at_rest) in cases {
        let (mut connection, mut client) = connection();
        assert!(connection.is_at_rest(), "nothing was read");
        for (position, piece) in sent.iter().enumerate() {
            client.write_all(piece).await.unwrap();
            if position == 0 {
                connection.begins(Duration::from_secs(1)).await.unwrap();
            }
            let mut read = vec![0; 4096];
            assert_eq!(connection.read(&mut read).await.unwrap(), piece.len());
        }
        assert_eq!(connection.is_at_rest(), at_rest, "{:?}", String::from_utf8_lossy(&sent.concat()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_head_is_read_in_any_pieces_and_forgotten() {
    let (mut connection, mut client) = connection();
    for _ in 0..2 {
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        connection.begins(Duration::from_secs(1)).await.unwrap();
        assert!(connection.stage.is(HEAD), "the deadline of the head runs");
        let mut read = [0; 18];
        for byte in read.chunks_mut(1) {
            connection.read_exact(byte).await.unwrap();
        }
        assert_eq!(&read, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(connection.ahead.capacity(), 0);
        connection.exchange_has_ended();
    }
    drop(client);
    let error = connection.begins(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
