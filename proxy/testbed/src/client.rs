//! A client that blocks: asks one thing at a time, and waits for the answer.

mod exchange;
mod frames;
mod raw;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::runtime::Runtime;

use exchange::Connection;
pub use exchange::{Echo, Request, Response};
pub use frames::{Frame, Frames, Outcome, fields_of};
pub use raw::Raw;

use crate::tls::{Handshake, Tls};

/// Talks to one address over one connection, kept alive from request to request.
pub struct Client {
    address: SocketAddr,
    protocol: Protocol,
    state: Mutex<State>,
}

struct State {
    runtime: Runtime,
    connection: Option<Connection>,
    /// The last one there was.
    handshake: Option<Handshake>,
}

#[derive(Debug, Clone)]
enum Protocol {
    Http1,
    /// HTTP/2 by prior knowledge.
    H2c,
    /// What both sides agree on.
    Tls(Tls),
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{address} does not accept connections")]
    Connect { address: SocketAddr, source: std::io::Error },
    #[error("{address} did not answer `{what}`")]
    Exchange { address: SocketAddr, what: String, source: hyper::Error },
    #[error("{address} has not answered `{what}` within {PATIENCE:?}")]
    Late { address: SocketAddr, what: String },
    #[error("{address} does not accept a TLS handshake")]
    Handshake { address: SocketAddr, source: std::io::Error },
    #[error("`{name}` is no name of a server")]
    Name { name: String },
    #[error("`{what}` is no HTTP request")]
    Malformed { what: String, source: http::Error },
    #[error("a client could not be set up")]
    Setup(#[from] std::io::Error),
}

impl Client {
    /// Speaks HTTP/1.1.
    #[track_caller]
    pub fn to(address: SocketAddr) -> Self {
        or_fail(Self::new(address, Protocol::Http1))
    }

    /// Speaks HTTP/2 by prior knowledge.
    #[track_caller]
    pub fn h2c(address: SocketAddr) -> Self {
        or_fail(Self::new(address, Protocol::H2c))
    }

    /// Speaks TLS, and over that what both sides agree on: HTTP/1.1 where they say nothing.
    #[track_caller]
    pub fn tls(address: SocketAddr, tls: &Tls) -> Self {
        or_fail(Self::new(address, Protocol::Tls(tls.clone())))
    }

    /// [`Client::to`], for those who would rather not panic.
    ///
    /// # Errors
    ///
    /// Where the system gives no event queue. Nothing is connected yet.
    pub fn try_to(address: SocketAddr) -> Result<Self, ClientError> {
        Self::new(address, Protocol::Http1)
    }

    fn new(address: SocketAddr, protocol: Protocol) -> Result<Self, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            address,
            protocol,
            state: Mutex::new(State { runtime, connection: None, handshake: None }),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request(Request::get(path))
    }

    #[track_caller]
    pub fn request(&self, request: Request) -> Response {
        or_fail(self.attempt(request))
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// A connection that was closed while it lay idle is replaced by a new one.
    ///
    /// # Errors
    ///
    /// Where there is no whole answer within the time that a test is patient for.
    pub fn attempt(&self, request: Request) -> Result<Response, ClientError> {
        let what = request.what();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { runtime, connection, handshake } = &mut *state;
        let exchange = async {
            let mut open = match still_open(connection.take()).await {
                Some(idle) => idle,
                None => {
                    let (open, shaken) = Connection::open(self.address, &self.protocol, &what).await?;
                    *handshake = shaken;
                    open
                }
            };
            let request = request.for_address(self.address, &open, handshake.is_some())?;
            let response = open.exchange(request, self.address, &what).await?;
            *connection = Some(open);
            Ok(response)
        };
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, exchange).await })
            .unwrap_or_else(|_| Err(ClientError::Late { address: self.address, what: what.clone() }))
    }

    /// Closes its connection: the next request opens another.
    pub fn hang_up(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.connection = None;
    }

    /// What the last TLS handshake came to, if there was one.
    pub fn handshake(&self) -> Option<Handshake> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).handshake.clone()
    }

    /// Sends these very bytes on a new connection; what came back when the other side closed or one
    /// answer of a stated length was complete.
    #[track_caller]
    pub fn send_raw(&self, bytes: &[u8]) -> Vec<u8> {
        or_fail(Raw::connect(self.address).and_then(|mut raw| {
            raw.send(bytes)?;
            raw.answer(PATIENCE)
        }))
    }
}

async fn still_open(idle: Option<Connection>) -> Option<Connection> {
    let mut idle = idle?;
    idle.is_open().await.then_some(idle)
}

#[expect(clippy::panic, reason = "for tests: without an answer there is nothing left to check")]
#[track_caller]
pub(crate) fn or_fail<T, E: std::error::Error>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// An error with its sources, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// Longer than any answer that is still to come.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
