//! Where clients come in: the sockets, and what every connection on them must keep to.

mod connection; // one of them, with a deadline for every head
mod refusal; // what is answered before there is an exchange
mod relay; // what passes through a tunnel
pub(crate) mod tls; // what nobody else can read

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pingora_core::apps::{HttpPersistentSettings, HttpServerApp as _, HttpServerOptions, ServerApp as _};
use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::{ALPN, GetSocketDigest as _, SocketDigest, Ssl as _, Stream, l4};
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

pub(crate) use connection::Connection;
pub(crate) use relay::{Ending, Passed, Relay};
use tls::Tls;

use crate::limits::{ACCEPT_PAUSE, CONNECTIONS_MAX, KEEPALIVE, TRIES_MAX, UPSTREAM_IDLE_MAX};
use crate::way::{Edge, Way};

/// A socket that listens, before anything is accepted on it.
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    socket: Socket,
}

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{what} can not listen on {address}: {remedy}")]
pub(crate) struct BindError {
    what: &'static str,
    address: SocketAddr,
    remedy: String,
}

/// Binds an address, and listens. `what` names it in the error.
///
/// # Errors
///
/// Where the system does not let us have the address; says what to do about it.
pub(crate) fn bind(what: &'static str, address: SocketAddr) -> Result<Bound, BindError> {
    let socket = listening(address).map_err(|source| {
        let remedy = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "the address is in use; stop the process that has it, or change `bind`".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "no interface of this machine has this address; change `bind`, or use 0.0.0.0 or [::] for all"
                    .to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "permission denied; take a port above 1023, or grant the process CAP_NET_BIND_SERVICE"
                    .to_owned()
            }
            _ => source.to_string(),
        };
        BindError { what, address, remedy }
    })?;
    let local = socket.local_addr().ok().and_then(|local| local.as_socket());
    Ok(Bound { address: local.unwrap_or(address), socket })
}

fn listening(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before us may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// As many as the kernel allows (`net.core.somaxconn` cuts it).
const BACKLOG: i32 = 65_535;

impl Bound {
    /// For a listener that Pingora does not serve.
    pub(crate) fn into_std(self) -> std::net::TcpListener {
        self.socket.into()
    }

    /// Accepts connections and serves exchanges on them, until told to stop.
    pub(crate) async fn serve(
        self,
        edge: Edge,
        h2c: bool,
        workers: usize,
        connections: Connections,
        mut stop: ShutdownWatch,
    ) {
        let listener = match tokio::net::TcpListener::from_std(self.socket.into()) {
            Ok(listener) => listener,
            // The runtime has no room for one more file.
            Err(error) => return tracing::error!(address = %self.address, %error, "can not listen"),
        };
        let edge = Arc::new(edge);
        let proxy = Arc::new(proxy(Arc::clone(&edge), h2c, workers));
        let door = Arc::new(Door { proxy, edge, h2c, connections });
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (door, stop) = (Arc::clone(&door), stop.clone());
                    tokio::spawn(async move { door.converse(stream, peer, &stop).await });
                }
                Err(error) => {
                    tracing::error!(address = %self.address, %error, "a connection can not be accepted");
                    // Most likely there are too many open files: somebody has to leave first.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        // Connections that wait for a head inside of Pingora are let go.
        door.proxy.http_cleanup().await;
    }
}

/// Pingora's proxy, with its defaults made fit for an edge.
fn proxy(edge: Arc<Edge>, h2c: bool, workers: usize) -> HttpProxy<Way> {
    let conf = ServerConf {
        threads: workers,
        max_retries: TRIES_MAX,
        upstream_keepalive_pool_size: UPSTREAM_IDLE_MAX.div_ceil(workers.max(1)),
        // Endpoints are spoken to in the clear: there is nothing to verify, and a machine
        // without root certificates must not keep the edge from starting.
        ca_file: Some("/dev/null".to_owned()),
        ..ServerConf::default()
    };
    let dial = TransportConnector::new(Some(ConnectorOptions::from_server_conf(&conf)));
    let mut proxy = HttpProxy::new(Way(edge, dial), Arc::new(conf));
    proxy.handle_init_modules();
    let mut options = HttpServerOptions::default();
    options.h2c = h2c;
    options.h2_idle_timeout = Some(KEEPALIVE);
    // We refuse it ourselves: Pingora would sign the refusal, in HTTP/2 where nobody could take that out again.
    options.allow_connect_method_proxying = true;
    proxy.server_options = Some(options);
    proxy
}

/// Stands between the sockets and Pingora's proxy, for each connection.
struct Door {
    proxy: Arc<HttpProxy<Way>>,
    edge: Arc<Edge>,
    h2c: bool,
    connections: Connections,
}

impl Door {
    /// All that happens on a connection, if there is room for one more.
    async fn converse(&self, stream: TcpStream, peer: SocketAddr, stop: &ShutdownWatch) {
        let Some(_open) = self.connections.open() else { return };
        // Else the last piece of an answer waits for the client's acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let edge = Arc::clone(&self.edge);
        let refused = move |status| edge.refused(Some(peer), status);
        let stream = layer4(stream, peer);
        let stream: Stream = match self.edge.tls() {
            None => Box::new(stream),
            // In a box: else every connection would keep room for a handshake while it lasts.
            Some(tls) => match Box::pin(self.shake_hands(&tls, stream, peer, stop)).await {
                Some(secured) => secured,
                None => return,
            },
        };
        let mut connection = Box::new(Connection::new(stream, refused));
        if connection.is_secure() {
            if connection.selected_alpn_proto() == Some(ALPN::H2) {
                // HTTP/2 frames heads of many streams: its own limits take over.
                connection.head_is_complete();
                self.proxy.process_new(connection, stop).await;
                return;
            }
        } else if self.h2c {
            let mut stopping = stop.clone();
            let looked = tokio::select! {
                looked = connection.look_for_preface(KEEPALIVE) => looked.is_ok(),
                _ = stopping.wait_for(|stop| *stop) => false,
            };
            if !looked {
                return;
            }
            if connection.speaks_http2() {
                self.proxy.process_new(connection, stop).await;
                return;
            }
        }
        self.http1(connection, stop).await;
    }

    /// What is beneath a TLS connection, if it comes to one.
    async fn shake_hands(
        &self,
        tls: &Tls,
        stream: l4::stream::Stream,
        peer: SocketAddr,
        stop: &ShutdownWatch,
    ) -> Option<Stream> {
        let mut stopping = stop.clone();
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            _ = stopping.wait_for(|stop| *stop) => return None,
        };
        let counters = &self.edge.metrics.handshakes;
        match shaken {
            Ok(secured) => {
                counters.made(secured.secure());
                Some(Box::new(secured))
            }
            Err(failure) => {
                counters.failed(failure);
                // Whoever connects can cause these: the counters are for operators, this is for a search.
                tracing::debug!(%peer, reason = failure.name(), "a TLS handshake came to nothing");
                None
            }
        }
    }

    /// Exchange after exchange, as Pingora would have it, but for the time between them: that is spent
    /// here, because a session of Pingora's that waits for a head holds what a whole exchange needs.
    async fn http1(&self, mut connection: Box<Connection>, stop: &ShutdownWatch) -> Option<()> {
        let mut stopping = stop.clone();
        let mut settings: Option<HttpPersistentSettings> = None;
        loop {
            if connection.is_at_rest() {
                tokio::select! {
                    biased;
                    begun = connection.begins(KEEPALIVE) => begun.ok()?,
                    _ = stopping.wait_for(|stop| *stop) => return None,
                }
            }
            let exchange = {
                // In a block of its own: else this future would keep room for it while it waits.
                let mut session = ServerSession::new_http1(connection);
                match settings {
                    Some(settings) => settings.apply_to_session(&mut session),
                    None => session.set_keepalive(Some(KEEPALIVE.as_secs())),
                }
                self.proxy.process_new_http(session, stop)
            };
            let reused = exchange.await?;
            let (stream, next) = reused.consume();
            settings = next;
            // It is the stream that the session was made with.
            connection = stream.into_any().downcast().ok()?;
        }
    }
}

/// What Pingora knows of a connection, without buffers of its own: [`Connection`] has them.
fn layer4(stream: TcpStream, peer: SocketAddr) -> l4::stream::Stream {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // It is empty: this is the first that is set of it.
    let _ = digest.peer_addr.set(Some(peer.into()));
    let mut stream = l4::stream::Stream::from(stream);
    stream.set_socket_digest(digest);
    stream
}

/// How many connections are open, over all listeners.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<AtomicUsize>);

impl Connections {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one more until it is dropped; `None` where there are too many.
    fn open(&self) -> Option<OpenConnection> {
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        let open = OpenConnection(self.clone());
        (before < CONNECTIONS_MAX).then_some(open)
    }
}

/// One of the connections counted.
struct OpenConnection(Connections);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occupied_port_is_named_with_its_remedy() {
        let held =
            bind("the listener", "127.0.0.1:0".parse().unwrap()).unwrap_or_else(|error| panic!("{error}"));
        let Err(error) = bind("the listener", held.address) else { panic!("bound twice") };
        assert_eq!(
            error.to_string(),
            format!(
                "the listener can not listen on {}: the address is in use; stop the process that has it, or change `bind`",
                held.address
            )
        );
    }

    #[test]
    fn the_number_of_connections_is_bounded() {
        let connections = Connections::default();
        let open: Vec<_> = (0..CONNECTIONS_MAX).map_while(|_| connections.open()).collect();
        assert_eq!((open.len(), connections.count()), (CONNECTIONS_MAX, CONNECTIONS_MAX));
        assert!(connections.open().is_none());
        drop(open);
        assert_eq!(connections.count(), 0);
    }
}
