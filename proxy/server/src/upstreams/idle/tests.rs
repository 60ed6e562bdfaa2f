use std::net::SocketAddr;

use pingora_core::protocols::Digest;
use pingora_core::protocols::l4::stream::Stream as Plain;
use pingora_core::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::Sent;
use super::*;

const NOW: Duration = Duration::ZERO;
const LATER: Duration = Duration::from_secs(100);

fn peer(idle: Option<Duration>) -> HttpPeer {
    let nobody: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let mut peer = HttpPeer::new(nobody, false, String::new());
    peer.options.idle_timeout = idle;
    peer
}

/// Both ends of a connection: ours, and an endpoint's.
async fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (Box::new(Plain::from(ours.unwrap())), theirs.unwrap().0)
}

fn digest(stream: &Stream) -> Digest {
    Digest { proxy_digest: stream.get_proxy_digest(), ..Digest::default() }
}

fn is_used(stream: &Stream) -> bool {
    super::super::is_used(&digest(stream))
}

/// As Pingora does when an exchange is over: it asks for a byte, does not wait, and lets go.
fn is_released(mut stream: Stream) -> bool {
    let mut byte = [0];
    let mut byte = ReadBuf::new(&mut byte);
    let looked = Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut byte);
    looked.is_ready()
}

#[tokio::test]
async fn a_connection_comes_back_when_it_is_done_and_is_marked() {
    let (idle, peer) = (Idle::new(8, 2), peer(Some(LATER)));
    let (stream, _theirs) = pair().await;
    let kept = idle.keeping(stream, &peer);
    let id = kept.id();
    assert!(!is_used(&kept), "it is new");
    assert!(idle.take(&peer).is_none());
    assert!(is_released(kept), "Pingora is to think that it has ended");
    for _ in 0..3 {
        let again = idle.take(&peer).unwrap();
        assert_eq!(again.id(), id);
        assert!(is_used(&again));
        assert!(idle.take(&peer).is_none(), "it is taken");
        assert!(is_released(again));
    }
}

#[tokio::test]
async fn a_connection_that_is_not_done_is_closed() {
    let (idle, peer) = (Idle::new(8, 1), peer(None));
    let (stream, mut theirs) = pair().await;
    drop(idle.keeping(stream, &peer));
    assert!(idle.take(&peer).is_none());
    assert_eq!(theirs.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn one_that_is_used_after_the_look_is_not_kept() {
    let (idle, peer) = (Idle::new(8, 1), peer(None));
    let (stream, _theirs) = pair().await;
    let mut kept = idle.keeping(stream, &peer);
    assert_eq!(kept.read(&mut [0]).await.unwrap(), 0, "the look");
    kept.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    drop(kept);
    assert!(idle.take(&peer).is_none(), "an answer is still to come on it");
}

#[tokio::test]
async fn the_head_that_was_left_is_sent_instead_and_once() {
    let (idle, peer) = (Idle::new(8, 1), peer(None));
    let (stream, mut theirs) = pair().await;
    let mut kept = idle.keeping(stream, &peer);
    // More than the system takes at once.
    let head = vec![b'h'; 16 << 20];
    Sent::on(&digest(&kept)).unwrap().send(head.as_slice().into());
    let (sent, mut came) = (async { kept.write_all(b"pingora's").await.unwrap() }, vec![0; head.len()]);
    let (_, read) = tokio::join!(sent, theirs.read_exact(&mut came));
    read.unwrap();
    assert!(came == head);
    kept.write_all(b"body").await.unwrap();
    kept.flush().await.unwrap();
    let mut came = [0; 4];
    theirs.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"body");
    assert!(is_released(kept));
    let mut again = idle.take(&peer).unwrap();
    again.write_all(b"head").await.unwrap();
    again.flush().await.unwrap();
    theirs.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"head", "nothing was left for it");
}

#[tokio::test]
async fn one_that_was_closed_or_spoken_on_is_not_taken() {
    let (idle, peer) = (Idle::new(8, 1), peer(None));
    for speaks in [true, false] {
        let (stream, mut theirs) = pair().await;
        assert!(is_released(idle.keeping(stream, &peer)));
        if speaks {
            theirs.write_all(b"HTTP/1.1 408 ").await.unwrap();
        } else {
            drop(theirs);
        }
        // The news come to the socket by themselves: until then it is quiet, and may be given back.
        while let Some(still_quiet) = idle.take(&peer) {
            assert!(is_released(still_quiet));
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn one_that_has_waited_for_long_enough_is_not_taken_and_swept() {
    let idle = Idle::new(8, 1);
    let mut ends = Vec::new();
    for wait in [NOW, LATER] {
        let (stream, theirs) = pair().await;
        assert!(is_released(idle.keeping(stream, &peer(Some(wait)))));
        ends.push(theirs);
    }
    let shard = &idle.0.shards[0];
    assert_eq!(lock(shard).sweep(Instant::now()), 1);
    assert_eq!(ends[0].read(&mut [0]).await.unwrap(), 0, "it is closed");
    assert_eq!(lock(shard).sweep(Instant::now() + LATER), 0);
    assert_eq!(ends[1].read(&mut [0]).await.unwrap(), 0);
    assert!(lock(shard).connections.is_empty(), "nothing is remembered of peers without any");
    let (stream, _theirs) = pair().await;
    assert!(is_released(idle.keeping(stream, &peer(Some(NOW)))));
    assert!(idle.take(&peer(Some(NOW))).is_none());
}

#[tokio::test]
async fn there_are_only_so_many_and_the_longest_unused_goes() {
    let idle = Idle::new(2, 1);
    let peers: Vec<HttpPeer> = (0..3_u64)
        .map(|group| {
            let mut peer = peer(None);
            peer.group_key = group;
            peer
        })
        .collect();
    let mut ends = Vec::new();
    for peer in &peers {
        let (stream, theirs) = pair().await;
        assert!(is_released(idle.keeping(stream, peer)));
        ends.push(theirs);
    }
    assert_eq!(ends[0].read(&mut [0]).await.unwrap(), 0);
    assert!(idle.take(&peers[0]).is_none(), "peers do not get each other's");
    assert!(idle.take(&peers[1]).is_some() && idle.take(&peers[2]).is_some());
}

#[tokio::test]
async fn a_worker_without_one_takes_anothers() {
    let (idle, peer) = (Idle::new(8, 3), peer(None));
    let (stream, _theirs) = pair().await;
    assert!(is_released(idle.keeping(stream, &peer)));
    let elsewhere = std::thread::spawn({
        let (idle, peer) = (idle.clone(), peer.clone());
        move || (0..3).filter(|_| idle.take(&peer).is_some()).count()
    });
    assert_eq!(elsewhere.join().unwrap(), 1);
    assert!(idle.take(&peer).is_none());
}
