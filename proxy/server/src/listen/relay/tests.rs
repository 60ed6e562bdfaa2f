use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// A relay, and what its two sides see of it.
fn relay(buffer: usize, idle: Duration) -> (Relay<DuplexStream>, DuplexStream, DuplexStream, DuplexStream) {
    let (ours, client) = duplex(buffer);
    let (endpoint, far) = duplex(buffer);
    (Relay::new(endpoint, Bytes::from_static(b"early "), idle), ours, client, far)
}

async fn run(relay: &mut Relay<DuplexStream>, mut client: DuplexStream) -> Ending {
    poll_fn(|cx| relay.poll(&mut client, cx)).await
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn both_sides_may_write_first_and_read_later() {
    // Far more than fits anywhere, so that a relay that waits for one side would wait for ever.
    const MUCH: usize = 1024 * 1024;
    let (mut relay, ours, client, far) = relay(4096, HOUR);
    let talk = |stream: DuplexStream| async move {
        let (mut read, mut write) = tokio::io::split(stream);
        let writing = async {
            write.write_all(&vec![b'x'; MUCH]).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_, length) = tokio::join!(writing, read.read_to_end(&mut heard));
        length.unwrap()
    };
    let (ending, to_client, to_endpoint) = tokio::join!(run(&mut relay, ours), talk(client), talk(far));
    assert_eq!((to_client, to_endpoint), (MUCH + "early ".len(), MUCH));
    assert_eq!(relay.passed(), Passed { up: MUCH as u64, down: (MUCH + 6) as u64 });
    assert!(matches!(ending, Ending::ClosedByClient | Ending::ClosedByEndpoint));
}

#[tokio::test]
async fn a_side_that_has_closed_still_hears_the_other() {
    let (mut relay, ours, mut client, mut far) = relay(4096, HOUR);
    let talk = async {
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        far.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "");
        far.write_all(b"the answer").await.unwrap();
        far.shutdown().await.unwrap();
        heard.clear();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "early the answer");
    };
    let (ending, ()) = tokio::join!(run(&mut relay, ours), talk);
    assert_eq!((ending, relay.passed()), (Ending::ClosedByClient, Passed { up: 0, down: 16 }));
}

#[tokio::test(start_paused = true)]
async fn what_passes_keeps_a_tunnel_open_and_silence_ends_it() {
    let idle = Duration::from_secs(10);
    let (mut relay, ours, mut client, _far) = relay(4096, idle);
    let begun = Instant::now();
    let pings = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            client.write_all(b"ping").await.unwrap();
        }
    };
    let (ending, ()) = tokio::join!(run(&mut relay, ours), pings);
    assert_eq!((ending, begun.elapsed().as_secs()), (Ending::Idle, 27 + 10));
}

#[tokio::test(start_paused = true)]
async fn a_side_that_never_closes_is_not_waited_for_as_long() {
    let (mut relay, ours, _client, mut far) = relay(4096, HOUR);
    far.shutdown().await.unwrap();
    let begun = Instant::now();
    assert_eq!(run(&mut relay, ours).await, Ending::Idle);
    assert_eq!(begun.elapsed().as_secs(), HALF_CLOSED_TIMEOUT.as_secs());
}

#[tokio::test]
async fn who_is_gone_is_told_apart() {
    // So little fits that the client, who does not read, keeps the endpoint's end from being seen.
    let (mut first, ours, mut client, far) = relay(4, HOUR);
    client.write_all(b"late").await.unwrap();
    drop(far);
    // There was something to say to the endpoint, and nobody to take it.
    assert_eq!(run(&mut first, ours).await, Ending::EndpointBrokeOff);
    let (mut second, ours, mut client, far) = relay(4096, HOUR);
    let talk = async {
        client.shutdown().await.unwrap();
        drop((client, far));
    };
    let (ending, ()) = tokio::join!(run(&mut second, ours), talk);
    assert_eq!(ending, Ending::ClosedByClient);
}
