//! Bytes on a socket, for requests that no client would send.

use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::ClientError;
use crate::tls::{OriginTls, Tls};

/// One connection, without any idea of HTTP but where an answer ends.
pub struct Raw {
    wire: Wire,
    received: Vec<u8>,
    ended: bool,
}

enum Wire {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
    Serving(Box<StreamOwned<ServerConnection, TcpStream>>),
    Unix(UnixStream),
}

impl Raw {
    /// # Errors
    ///
    /// Where nobody listens there.
    pub fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        let stream =
            TcpStream::connect(address).map_err(|source| ClientError::Connect { address, source })?;
        stream.set_nodelay(true)?;
        Ok(Self { wire: Wire::Plain(stream), received: Vec::new(), ended: false })
    }

    /// The same over TLS, once both sides have shaken hands.
    ///
    /// # Errors
    ///
    /// Where nobody listens there, or does not come to a TLS connection.
    pub fn secure(address: SocketAddr, tls: &Tls) -> Result<Self, ClientError> {
        let stream =
            TcpStream::connect(address).map_err(|source| ClientError::Connect { address, source })?;
        stream.set_nodelay(true)?;
        let failed = |source| ClientError::Handshake { address, source };
        let name = || ClientError::Name { name: tls.name.clone().unwrap_or_default() };
        let server = tls.server(address).ok_or_else(name)?;
        let connection = ClientConnection::new(Arc::clone(&tls.config), server)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        let mut secure = Box::new(StreamOwned::new(connection, stream));
        while secure.conn.is_handshaking() {
            secure.conn.complete_io(&mut secure.sock).map_err(failed)?;
        }
        Ok(Self { wire: Wire::Secure(secure), received: Vec::new(), ended: false })
    }

    /// The other side of the next connection that comes in here.
    ///
    /// # Errors
    ///
    /// Where the system does not give it to us.
    pub fn accept(listener: &TcpListener) -> Result<Self, ClientError> {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(Self { wire: Wire::Plain(stream), received: Vec::new(), ended: false })
    }

    /// The same over TLS, once both sides have shaken hands.
    ///
    /// # Errors
    ///
    /// As above, or where it does not come to a TLS connection.
    pub fn accept_secure(listener: &TcpListener, tls: &OriginTls) -> Result<Self, ClientError> {
        let (stream, address) = listener.accept()?;
        stream.set_nodelay(true)?;
        let failed = |source| ClientError::Handshake { address, source };
        let config = tls.config().map_err(|error| failed(std::io::Error::other(error)))?;
        let connection =
            ServerConnection::new(Arc::new(config)).map_err(|error| failed(std::io::Error::other(error)))?;
        let mut serving = Box::new(StreamOwned::new(connection, stream));
        while serving.conn.is_handshaking() {
            serving.conn.complete_io(&mut serving.sock).map_err(failed)?;
        }
        Ok(Self { wire: Wire::Serving(serving), received: Vec::new(), ended: false })
    }

    /// The other side of the next connection that comes in at this Unix socket.
    ///
    /// # Errors
    ///
    /// Where the system does not give it to us.
    pub fn accept_unix(listener: &UnixListener) -> Result<Self, ClientError> {
        let (stream, _) = listener.accept()?;
        Ok(Self { wire: Wire::Unix(stream), received: Vec::new(), ended: false })
    }

    /// # Errors
    ///
    /// Where the other side takes nothing more.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        match &mut self.wire {
            Wire::Plain(stream) => Ok(stream.write_all(bytes)?),
            Wire::Secure(secure) => {
                secure.write_all(bytes)?;
                Ok(secure.flush()?)
            }
            Wire::Serving(serving) => {
                serving.write_all(bytes)?;
                Ok(serving.flush()?)
            }
            Wire::Unix(stream) => Ok(stream.write_all(bytes)?),
        }
    }

    /// How long the other side may take nothing of what is sent before that fails.
    ///
    /// # Errors
    ///
    /// Where the system has no such clock.
    pub fn patience(&mut self, within: Duration) -> Result<(), ClientError> {
        Ok(match self.socket() {
            Socket::Tcp(stream) => stream.set_write_timeout(Some(within)),
            Socket::Unix(stream) => stream.set_write_timeout(Some(within)),
        }?)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// Where the connection is gone already.
    pub fn finish(&mut self) -> Result<(), ClientError> {
        if let Wire::Serving(serving) = &mut self.wire {
            serving.conn.send_close_notify();
            serving.flush()?;
        }
        Ok(match self.socket() {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
        }?)
    }

    /// One answer: up to the length that it states, else up to the end of the
    /// connection, else what there is when time is up. What follows is kept
    /// for the next call.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn answer(&mut self, within: Duration) -> Result<Vec<u8>, ClientError> {
        self.take(within, |received| answer_length(received).filter(|length| *length <= received.len()))
    }

    /// Up to these bytes and with them, or what there was when the connection ended or time was up.
    /// What follows is kept for the next call.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn until(&mut self, end: &[u8], within: Duration) -> Result<Vec<u8>, ClientError> {
        self.take(within, |received| {
            Some(received.windows(end.len()).position(|window| window == end)? + end.len())
        })
    }

    /// So many bytes, or those there were when the connection ended or time was up. What follows is
    /// kept for the next call.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn exactly(&mut self, count: usize, within: Duration) -> Result<Vec<u8>, ClientError> {
        self.take(within, |received| (received.len() >= count).then_some(count))
    }

    fn take(
        &mut self,
        within: Duration,
        length: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, ClientError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(length) = length(&self.received) {
                return Ok(self.received.drain(..length).collect());
            }
            let more = self.more(deadline)?;
            if more != More::Came {
                self.ended |= more == More::Ended;
                return Ok(std::mem::take(&mut self.received));
            }
        }
    }

    /// Whether the other side has closed, as far as has been read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the connection is open, and nothing has come that was not read.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be asked.
    pub fn lies_idle(&self) -> Result<bool, ClientError> {
        let socket = match self.socket() {
            Socket::Tcp(stream) => SockRef::from(stream),
            Socket::Unix(stream) => SockRef::from(stream),
        };
        socket.set_nonblocking(true)?;
        let waiting = socket.peek(&mut [MaybeUninit::uninit()]);
        socket.set_nonblocking(false)?;
        match waiting {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Ok(!self.ended && self.received.is_empty())
            }
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error.into()),
            // There is something, its end for one.
            _ => Ok(false),
        }
    }

    /// Everything until the other side closes; `None` if it does not.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be read at all.
    pub fn to_end(&mut self, within: Duration) -> Result<Option<Vec<u8>>, ClientError> {
        let deadline = Instant::now() + within;
        loop {
            match self.more(deadline)? {
                More::Came => {}
                More::Ended => return Ok(Some(std::mem::take(&mut self.received))),
                More::Late => return Ok(None),
            }
        }
    }

    fn socket(&self) -> Socket<'_> {
        match &self.wire {
            Wire::Plain(stream) => Socket::Tcp(stream),
            Wire::Secure(secure) => Socket::Tcp(&secure.sock),
            Wire::Serving(serving) => Socket::Tcp(&serving.sock),
            Wire::Unix(stream) => Socket::Unix(stream),
        }
    }

    fn more(&mut self, deadline: Instant) -> Result<More, ClientError> {
        let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        else {
            return Ok(More::Late);
        };
        match self.socket() {
            Socket::Tcp(stream) => stream.set_read_timeout(Some(left)),
            Socket::Unix(stream) => stream.set_read_timeout(Some(left)),
        }?;
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.wire {
            Wire::Plain(stream) => stream.read(&mut buffer),
            Wire::Secure(secure) => secure.read(&mut buffer),
            Wire::Serving(serving) => serving.read(&mut buffer),
            Wire::Unix(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => Ok(More::Ended),
            Ok(count) => {
                self.received.extend(buffer.iter().take(count));
                Ok(More::Came)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(More::Late),
                ErrorKind::Interrupted => Ok(More::Came),
                // Closed with bytes of ours unread: an end like another.
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                    Ok(More::Ended)
                }
                _ => Err(error.into()),
            },
        }
    }
}

/// What is beneath.
enum Socket<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
}

#[derive(PartialEq, Eq)]
enum More {
    Came,
    Ended,
    Late,
}

/// Where the first answer in these bytes ends, if its head is there and says so.
fn answer_length(bytes: &[u8]) -> Option<usize> {
    let head_length = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(bytes.get(..head_length)?).to_ascii_lowercase();
    let stated = head.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    head_length.checked_add(stated.trim().parse().ok()?)
}
