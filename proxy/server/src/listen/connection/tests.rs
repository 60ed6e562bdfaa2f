use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

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
    drop(connection);
    let mut seen = String::new();
    client.read_to_string(&mut seen).await.unwrap();
    assert_eq!(seen, "HTTP/1.1 405 No\r\n\r\nHTTP/1.1 200 OK\r\nServer: origin\r\n\r\n");
    assert!(told.try_recv().is_err());
}
