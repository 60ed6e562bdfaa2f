//! Where clients come in: the sockets, and what every connection on them must keep to.

mod bind; // sockets that listen
mod census; // how many connections there may be
mod door; // what happens on a connection, from its beginning to its end
mod accepted; // what it is read from
mod announced; // whom a proxy before us speaks for
mod connection; // its bytes, message by message
mod pace; // how long its client is waited for
mod refusal; // what is answered before there is an exchange
mod relay; // what passes through a tunnel
pub(crate) mod tls; // what nobody else can read
mod http2; // its streams
mod frames; // what a client does with them
mod excess; // and what it does too much
mod cut; // how its exchanges end that a shutdown waits for no longer

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use pingora_core::apps::{HttpServerApp as _, HttpServerOptions};
use pingora_core::connectors::ConnectorOptions;
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::listening::Service;
use pingora_proxy::{HttpProxy, ProxyServiceBuilder};

pub(crate) use bind::{Bound, SocketFile, bind};
pub(crate) use census::Connections;
pub(crate) use connection::Connection;
pub(crate) use excess::Excess;
pub(crate) use http2::is_stream;
pub(crate) use refusal::Refusal;
pub(crate) use relay::{Ending, Passed, Relay};

use accepted::Accepted;
use door::Door;
use edgeloom_config::{Bind, Listener};
use edgeloom_core::wire::announcement::LOCAL;

use crate::descriptors::Shortage;
use crate::limits::{ACCEPT_PAUSE, TRIES_MAX, UPSTREAM_IDLE_MAX};
use crate::upstreams::Connector;
use crate::way::{Edge, Way};

impl Bound {
    /// Accepts connections and serves exchanges on them, until told to stop.
    pub(crate) async fn serve(
        self,
        edge: Edge,
        listener: Listener,
        workers: usize,
        connections: Connections,
        mut stop: ShutdownWatch,
    ) {
        let Self { at, socket, .. } = self;
        let accepting = match Accepting::of(&at, socket) {
            Ok(accepting) => accepting,
            // The runtime has no room for one more file.
            Err(error) => return tracing::error!(address = %at, %error, "can not listen"),
        };
        let edge = Arc::new(edge);
        let proxy = match proxy(Arc::clone(&edge), workers) {
            Ok(proxy) => Arc::new(proxy),
            Err(error) => return tracing::error!(address = %at, %error, "can not serve"),
        };
        let door = Arc::new(Door::new(proxy, edge, &listener, connections));
        let mut shortage = Shortage::default();
        loop {
            let accepted = tokio::select! {
                accepted = accepting.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (door, stop) = (Arc::clone(&door), stop.clone());
                    tokio::spawn(async move { door.converse(stream, peer, &stop).await });
                }
                Err(error) => tokio::time::sleep(shortage.met(&at, &error, ACCEPT_PAUSE)).await,
            }
        }
        drop(accepting);
        // Connections that wait for a head inside of Pingora are let go.
        door.proxy.http_cleanup().await;
    }
}

/// A socket that the runtime watches.
enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    fn of(at: &Bind, socket: socket2::Socket) -> io::Result<Self> {
        Ok(match at {
            Bind::Tcp(_) => Self::Tcp(tokio::net::TcpListener::from_std(socket.into())?),
            Bind::Unix(_) => Self::Unix(tokio::net::UnixListener::from_std(socket.into())?),
        })
    }

    async fn accept(&self) -> io::Result<(Accepted, SocketAddr)> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| (stream.into(), peer)),
            // Whoever reaches it is on this machine, and has no address.
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| (stream.into(), LOCAL)),
        }
    }
}

/// Pingora's proxy, which opens connections as we do.
pub(crate) type Proxy = HttpProxy<Way, Connector>;

/// The same, with its defaults made fit for an edge.
fn proxy(edge: Arc<Edge>, workers: usize) -> io::Result<Proxy> {
    let conf = ServerConf {
        threads: workers,
        max_retries: TRIES_MAX,
        upstream_keepalive_pool_size: UPSTREAM_IDLE_MAX.div_ceil(workers.max(1)),
        // Pingora verifies nobody: there is nothing to believe, and a machine
        // without root certificates must not keep the edge from starting.
        ca_file: Some("/dev/null".to_owned()),
        ..ServerConf::default()
    };
    let connector = Connector::new(ConnectorOptions::from_server_conf(&conf), workers);
    let mut options = HttpServerOptions::default();
    // We refuse it ourselves: Pingora would sign the refusal, in HTTP/2 where nobody could take that out again.
    options.allow_connect_method_proxying = true;
    let service = ProxyServiceBuilder::new(&Arc::new(conf), Way(edge, connector.clone()))
        .server_options(options)
        // Clients speak HTTP and nothing else, so this is never called.
        .custom(connector, Arc::new(|_, _, _| Box::pin(async { None })))
        .build();
    taken_out(service).ok_or_else(|| io::Error::other("Pingora has built no proxy"))
}

/// The proxy of a service. Pingora makes one with a connector for a service of its own only, and we have our own accept loop.
#[expect(unsafe_code, reason = "a service lends what it serves with, and does not give it away")]
fn taken_out(mut service: Service<Proxy>) -> Option<Proxy> {
    let proxy: *const Proxy = service.app_logic_mut()?;
    // SAFETY: it is read once, out of a service that nobody else has; and the service is forgotten, so that what was read is
    // dropped by whoever has it now, and by nobody else. Its name and its empty list of listeners stay behind.
    let proxy = unsafe { std::ptr::read(proxy) };
    std::mem::forget(service);
    Some(proxy)
}
