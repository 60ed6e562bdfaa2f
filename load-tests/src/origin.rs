//! Who answers while time is taken: an origin that costs next to nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Answers every request head on its listener with the same KiB, and looks at nothing else: it shares
/// its cores with the load, and what it takes of them the contender does not get asked.
pub(crate) struct Kibibyte {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Kibibyte {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("origin".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener) => {}
                    _ = ended => {}
                }
            });
        })?;
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Kibibyte {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing left to tell: a panic in there was printed there.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        // A connection that is gone already is the contender's to notice.
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    }
}

/// Until the other side closes, or breaks off: which of both is its own business.
async fn serve(stream: TcpStream) -> Option<()> {
    let answer = answer();
    let mut ends = Ends::default();
    let mut buffer = [0; 4096];
    loop {
        stream.readable().await.ok()?;
        let read = match stream.try_read(&mut buffer) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_broken) => return None,
        };
        for _head in 0..ends.count(buffer.get(..read)?) {
            write(&stream, &answer).await?;
        }
    }
}

async fn write(stream: &TcpStream, mut rest: &[u8]) -> Option<()> {
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(written) => rest = rest.get(written..)?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await.ok()?,
            Err(_broken) => return None,
        }
    }
    Some(())
}

/// Counts the ends of heads in a stream of requests without bodies: the load sends no others.
#[derive(Default)]
struct Ends {
    /// How much of an end has been seen.
    seen: usize,
}

impl Ends {
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for byte in bytes {
            self.seen = match (byte, self.seen) {
                (b'\r', 0 | 2) | (b'\n', 1) => self.seen + 1,
                (b'\n', 3) => {
                    count += 1;
                    0
                }
                (b'\r', _) => 1,
                _ => 0,
            };
        }
        count
    }
}

/// With what an edge is there to take out.
fn answer() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nserver: {SERVER}\r\nx-powered-by: {POWERED_BY}\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\r\n"
    );
    [head.as_bytes(), &[b'x'; 1024]].concat()
}

/// What origins say of themselves, which no visitor should hear.
pub(crate) const SERVER: &str = "origin/1.0";
pub(crate) const POWERED_BY: &str = "origin";

#[cfg(test)]
mod tests {
    use edgeloom_testbed::{Client, Request};

    use super::*;

    #[test]
    fn each_head_is_counted_wherever_it_is_cut() {
        let stream = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\na: \rb\r\n\r\n";
        for cut in 0..stream.len() {
            let mut ends = Ends::default();
            let (first, second) = stream.split_at(cut);
            assert_eq!(ends.count(first) + ends.count(second), 2, "{cut}");
        }
        assert_eq!(Ends::default().count(b"\r\r\n\r\n\n\r\n\r\n"), 2);
        assert_eq!(Ends::default().count(b"\r\n\n\r\n"), 0);
    }

    #[test]
    fn a_client_gets_a_kibibyte_again_and_again() {
        let origin = Kibibyte::start().unwrap();
        let client = Client::to(origin.address());
        for _ in 0..3 {
            let response = client.request(Request::get("/").header("x-long", "x".repeat(5000)));
            assert_eq!((response.status(), response.body().len()), (200, 1024));
            assert_eq!(response.header("server"), Some(SERVER));
        }
    }
}
