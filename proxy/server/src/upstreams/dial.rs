//! Connecting, where Pingora's own way is not enough: with a time limit apart from that of the TLS
//! handshake, with something to say before all else, and with a second address to try beside a slow one.

use std::io;
use std::net::SocketAddr as InetAddress;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::GetProxyDigest as _;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::names::Name;
use super::tls::Tls;
use crate::limits::HEAD_START;

/// How a connection is opened.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    /// For all of it.
    pub(super) within: Duration,
    /// What is written as soon as the connection is there.
    pub(super) introduction: Option<Arc<[u8]>>,
    /// The name that the address is of: it may have others.
    pub(super) name: Option<Arc<Name>>,
    /// How hands are shaken on it, which [`super::connector`] does.
    pub(super) tls: Option<Arc<Tls>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotConnected {
    #[error("{address} did not accept a connection within {within:?}")]
    Late { address: SocketAddr, within: Duration },
    #[error("{address} does not accept connections")]
    Refused { address: SocketAddr, source: io::Error },
}

#[async_trait]
impl L4Connect for Dial {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let opened = timeout(self.within, self.open(address)).await;
        let address = || address.clone();
        match opened {
            Ok(Ok(stream)) => self.tell(stream),
            Ok(Err(source)) => {
                let kind = kind_of(&source);
                Err(Error::because(kind, "connecting", NotConnected::Refused { address: address(), source }))
            }
            Err(_) => {
                let late = NotConnected::Late { address: address(), within: self.within };
                Err(Error::because(ErrorType::ConnectTimedout, "connecting", late))
            }
        }
    }
}

impl Dial {
    /// Says on the connection itself how TLS is spoken there: whoever dials through Pingora gets nothing else of ours to see.
    /// Proxies that are spoken to with CONNECT, which this place is for, there are none.
    fn tell(&self, mut stream: Stream) -> Result<Stream> {
        if let Some(tls) = &self.tls {
            let unused = Box::new(ResponseHeader::build(StatusCode::OK, Some(0))?);
            stream.set_proxy_digest(ProxyDigest::new(unused, Some(Box::new(Arc::clone(tls)))));
        }
        Ok(stream)
    }

    async fn open(&self, address: &SocketAddr) -> io::Result<Stream> {
        match address {
            SocketAddr::Inet(address) => {
                let mut stream = self.race(*address).await?;
                stream.set_nodelay(true)?;
                self.introduce(&mut stream).await?;
                Ok(stream.into())
            }
            SocketAddr::Unix(address) => {
                let path = address.as_pathname().ok_or(io::ErrorKind::InvalidInput)?;
                let mut stream = UnixStream::connect(path).await?;
                self.introduce(&mut stream).await?;
                Ok(stream.into())
            }
        }
    }

    /// Connects to that address or, where it is slow and its name has one of the other version, to whichever
    /// of the two is faster (RFC 8305). One that refuses is not slow: another endpoint is tried then, as ever.
    async fn race(&self, address: InetAddress) -> io::Result<TcpStream> {
        let first = TcpStream::connect(address);
        let other = self.name.as_ref().and_then(|name| Some((name, name.other(address)?)));
        let Some((name, other)) = other else {
            return first.await;
        };
        tokio::pin!(first);
        let mut lost = match timeout(HEAD_START, &mut first).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if !is_no_way(&error) => return Err(error),
            Ok(Err(error)) => Some(error),
            Err(_slow) => None,
        };
        let second = TcpStream::connect(other);
        tokio::pin!(second);
        loop {
            tokio::select! {
                biased;
                connected = &mut first, if lost.is_none() => match connected {
                    Ok(stream) => return Ok(stream),
                    Err(error) => lost = Some(error),
                },
                connected = &mut second => match (connected, lost) {
                    (Ok(stream), _) => {
                        name.rest(address.ip());
                        return Ok(stream);
                    }
                    (Err(_), Some(error)) => return Err(error),
                    (Err(_), None) => return first.await,
                },
            }
        }
    }

    async fn introduce(&self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        match &self.introduction {
            Some(introduction) => stream.write_all(introduction).await,
            None => Ok(()),
        }
    }
}

/// Whether there is no way to an address, and so perhaps to none of its version.
fn is_no_way(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable)
}

/// As Pingora tells them apart.
fn kind_of(error: &io::Error) -> ErrorType {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ErrorType::ConnectNoRoute,
        io::ErrorKind::TimedOut => ErrorType::ConnectTimedout,
        _ => ErrorType::ConnectError,
    }
}
