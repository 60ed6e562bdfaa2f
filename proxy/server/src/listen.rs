//! Where clients come in: the sockets, and what every connection on them must keep to.

mod connection; // one of them, with a deadline for every head
mod refusal; // what is answered before there is an exchange

use std::io;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use pingora_core::apps::{HttpServerOptions, ServerApp};
use pingora_core::listeners::{L4BufferSettings, ListenerConfig, Listeners};
use pingora_core::protocols::Stream;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{Fds, ListenFds, ShutdownWatch};
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use pingora_proxy::HttpProxy;
use socket2::{Domain, Protocol, Socket, Type};

pub(crate) use connection::Connection;

use crate::limits::{CONNECTIONS_MAX, KEEPALIVE, READ_BUFFER, TRIES_MAX, UPSTREAM_IDLE_MAX, WRITE_BUFFER};
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
        stop: ShutdownWatch,
    ) {
        // Names the socket in Pingora's table; it would bind the address again if it did not find it there.
        let name = self.address.to_string();
        let mut fds = Fds::new();
        fds.add(name.clone(), self.socket.into_raw_fd());
        let fds: ListenFds = Arc::new(fds.into());
        let mut endpoints = Listeners::new();
        endpoints.add_listener(
            ListenerConfig::tcp(name).l4_buffer(L4BufferSettings::new(READ_BUFFER, WRITE_BUFFER)),
        );
        let edge = Arc::new(edge);
        let proxy = Arc::new(proxy(Arc::clone(&edge), h2c, workers));
        let door = Door { proxy, edge, h2c, connections };
        let mut service = Service::with_listeners("edgeloom".to_owned(), endpoints, door);
        service.start_service(Some(fds), stop, 1).await;
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
    let mut proxy = HttpProxy::new(Way(edge), Arc::new(conf));
    proxy.handle_init_modules();
    let mut options = HttpServerOptions::default();
    options.h2c = h2c;
    options.h2_idle_timeout = Some(KEEPALIVE);
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

#[async_trait]
impl ServerApp for Door {
    async fn process_new(self: &Arc<Self>, stream: Stream, stop: &ShutdownWatch) -> Option<Stream> {
        let _open = self.connections.open()?;
        let edge = Arc::clone(&self.edge);
        let peer = stream.get_socket_digest().and_then(|digest| digest.peer_addr()?.as_inet().copied());
        let mut connection = Connection::new(stream, move |status| edge.refused(peer, status));
        if self.h2c {
            let mut stopping = stop.clone();
            tokio::select! {
                looked = connection.look_for_preface(KEEPALIVE) => looked.ok()?,
                _ = stopping.wait_for(|stop| *stop) => return None,
            }
        }
        self.proxy.process_new(Box::new(connection), stop).await
    }

    async fn cleanup(&self) {
        ServerApp::cleanup(&*self.proxy).await;
    }
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
