//! An origin: what stands behind the edge, in a thread of its own.

mod answer;
mod manner;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use http::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use manner::{Death, Manner};

use crate::client::or_fail;
use crate::tls::{Handshake, OriginTls};

/// Speaks HTTP/1.1, and HTTP/2 by prior knowledge, on a loopback address; or TLS, and over it what both sides agree on.
///
/// Dropping it closes its listener and every connection at once.
pub struct Origin {
    address: SocketAddr,
    tally: Arc<Tally>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Tally {
    connections: AtomicU64,
    requests: AtomicU64,
    /// What it answers with instead of its manner's; 0 for that.
    status: AtomicU16,
    /// The last ones.
    handshakes: Mutex<VecDeque<Handshake>>,
}

impl Origin {
    /// Answers everything with these bytes.
    pub fn saying(body: impl Into<bytes::Bytes>) -> Self {
        Self::behaving(Manner::saying(body))
    }

    /// Answers with what it was asked, as JSON: see [`crate::Echo`].
    pub fn echo(name: &str) -> Self {
        Self::behaving(Manner::echo().named(name))
    }

    /// An origin of this manner, on a free port.
    #[expect(clippy::panic, reason = "for tests: a machine without a free loopback port can run none")]
    #[track_caller]
    pub fn behaving(manner: Manner) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start(any, manner).unwrap_or_else(|error| panic!("no origin could be started: {error}"))
    }

    /// An origin of this manner that speaks TLS, and nothing else.
    #[expect(clippy::panic, reason = "for tests: a machine without a free loopback port can run none")]
    #[track_caller]
    pub fn secure(manner: Manner, tls: &OriginTls) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let acceptor = TlsAcceptor::from(Arc::new(or_fail(tls.config())));
        Self::serve(any, manner, Some(acceptor))
            .unwrap_or_else(|error| panic!("no origin could be started: {error}"))
    }

    /// An origin of this manner, at this address; port 0 is any free port.
    ///
    /// # Errors
    ///
    /// Where the address is taken, or may not be bound.
    pub fn start(address: SocketAddr, manner: Manner) -> io::Result<Self> {
        Self::serve(address, manner, None)
    }

    fn serve(address: SocketAddr, manner: Manner, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        SockRef::from(&listener).listen(WAITING_MAX)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tally = Arc::new(Tally::default());
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("origin {}", address.port())).spawn({
            let tally = Arc::clone(&tally);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, Arc::new(manner), tls, tally) => {}
                        _ = ended => {}
                    }
                });
            }
        })?;
        Ok(Self { address, tally, end: Some(end), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have arrived.
    pub fn requests(&self) -> u64 {
        self.tally.requests.load(Ordering::Relaxed)
    }

    /// What its last TLS handshakes came to, the newest last.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.tally.handshakes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Answers with this status from now on, instead of its manner's.
    pub fn change_status(&self, status: u16) {
        self.tally.status.store(status, Ordering::Relaxed);
    }

    /// How many connections have been accepted.
    pub fn connections(&self) -> u64 {
        self.tally.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing left to tell: a panic in there was printed there.
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    manner: Arc<Manner>,
    tls: Option<TlsAcceptor>,
    tally: Arc<Tally>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        // Refused connections (too many open files, a client already gone) are
        // the client's to notice; the next one may fare better.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        tally.connections.fetch_add(1, Ordering::Relaxed);
        if manner.death == Some(Death::OnAccept) {
            continue;
        }
        // Small answers must not wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        let (manner, tls, tally) = (Arc::clone(&manner), tls.clone(), Arc::clone(&tally));
        tokio::spawn(async move {
            let Some(tls) = tls else { return converse(stream, manner, tally).await };
            // The edge notices a handshake that fails.
            let Ok(stream) = tls.accept(stream).await else { return };
            tally.remember(Handshake::of_server(stream.get_ref().1));
            converse(stream, manner, tally).await;
        });
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    manner: Arc<Manner>,
    tally: Arc<Tally>,
) {
    if manner.death == Some(Death::Nonsense) {
        return speak_nonsense(stream).await;
    }
    let service = service_fn(move |request| {
        tally.requests.fetch_add(1, Ordering::Relaxed);
        let status = tally.status.load(Ordering::Relaxed);
        answer::answer(request, Arc::clone(&manner), StatusCode::from_u16(status).ok())
    });
    // How a connection ends is the edge's business, seen from there.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn speak_nonsense(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut asked = [0; 1024];
    if stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
        // Who has gone hears nothing.
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
    }
}

impl Tally {
    fn remember(&self, handshake: Handshake) {
        let mut handshakes = self.handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        if handshakes.len() == HANDSHAKES_MAX {
            handshakes.pop_front();
        }
        handshakes.push_back(handshake);
    }
}

/// How many connections may wait to be accepted. The standard library has 128: under load more are opened at once, and
/// whoever finds no place comes again a second later, when the edge has given up.
const WAITING_MAX: i32 = 4096;

/// No test asks for so many.
const HANDSHAKES_MAX: usize = 1000;

#[cfg(test)]
mod tests;
