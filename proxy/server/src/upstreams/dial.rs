//! Connecting, where Pingora's own way is not enough: with a time limit apart from that of the TLS
//! handshake, and with something to say before all else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::{Error, ErrorType, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How a connection is opened.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    /// For all of it.
    pub(super) within: Duration,
    /// What is written as soon as the connection is there.
    pub(super) introduction: Option<Arc<[u8]>>,
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
            Ok(Ok(stream)) => Ok(stream),
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
    async fn open(&self, address: &SocketAddr) -> io::Result<Stream> {
        match address {
            SocketAddr::Inet(address) => {
                let mut stream = TcpStream::connect(address).await?;
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

    async fn introduce(&self, stream: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
        match &self.introduction {
            Some(introduction) => stream.write_all(introduction).await,
            None => Ok(()),
        }
    }
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
