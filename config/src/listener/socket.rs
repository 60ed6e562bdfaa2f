//! How a listener's socket is set up, and where it is bound.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edgeloom_core::units::Bytes;
use serde_json::{Value, json};

use crate::limits::{Backlog, Probe, SocketBuffer};
use crate::written::{Leaf, meant, section};

/// Where a listener accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Bind {
    /// The address, of a listener on a network.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    pub(crate) fn within(self, folder: &Path) -> Self {
        match self {
            Self::Tcp(_) => self,
            Self::Unix(path) => Self::Unix(folder.join(path)),
        }
    }

    /// Whether the two can not be bound at one time.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(other)) => {
                let any = one.ip().is_unspecified() || other.ip().is_unspecified();
                let same_ip = one.ip() == other.ip() || (any && one.is_ipv4() == other.is_ipv4());
                same_ip && one.port() == other.port() && one.port() != 0
            }
            (Self::Unix(one), Self::Unix(other)) => one == other,
            (Self::Tcp(_), Self::Unix(_)) | (Self::Unix(_), Self::Tcp(_)) => false,
        }
    }
}

/// What `sockaddr_un` has room for, less the byte that ends it.
const UNIX_PATH_MAX: usize = 107;

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Leaf for Bind {
    const NAME: &'static str = "an address and port, or a Unix socket";
    const EXAMPLE: &'static str = "127.0.0.1:8080";

    fn parse(text: &str) -> Result<Self, String> {
        let wanted =
            "an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`, or `unix:` and a path";
        match text.strip_prefix("unix:") {
            Some("") => Err(wanted.to_owned()),
            Some(path) if path.len() > UNIX_PATH_MAX => {
                Err(format!("a path of at most {UNIX_PATH_MAX} bytes: the system takes no longer one"))
            }
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_not_an_address| wanted.to_owned()),
        }
    }

    fn show(&self) -> Value {
        self.to_string().into()
    }

    fn schema() -> Value {
        json!({ "type": "string", "examples": [Self::EXAMPLE, "unix:/run/edgeloom.sock"] })
    }
}

/// How a listener's socket is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Whether others may bind the same address and port.
    pub reuse_port: bool,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// How long nothing may be heard of a peer before the system asks whether it is there.
    pub keepalive: Duration,
    /// What the system is asked to keep for each connection; `None` leaves it to adapt itself.
    pub receive_buffer: Option<Bytes>,
    pub send_buffer: Option<Bytes>,
    /// Who may connect to a Unix socket: the bits of `chmod`.
    pub mode: u32,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            reuse_port: false,
            backlog: 65_535,
            keepalive: Duration::from_secs(60),
            receive_buffer: None,
            send_buffer: None,
            mode: 0o660,
        }
    }
}

section! {
    /// How the socket of a listener is set up. A change needs a restart.
    RawSocket = "`socket`" {
        /// Whether other processes of the same user may bind the same address and port: the next edge can then start before this one ends, and no connection is refused in between. While both run, the system shares connections out among them.
        reuse_port: bool = Socket::default().reuse_port,
        /// How many connections may wait to be accepted. The default is as many as the system allows: its own bound (`net.core.somaxconn`) cuts it.
        backlog: Backlog = Backlog(Socket::default().backlog),
        /// After how long without a sign of life the system asks a client whether it is still there; three questions without an answer close the connection. Home routers forget a silent connection after a few minutes.
        keepalive: Probe = Probe(Socket::default().keepalive),
        /// What the system keeps for each connection of what has come in and was not read. By default it adapts itself, which is best for nearly everybody.
        receive_buffer: Option<SocketBuffer> = None,
        /// What the system keeps for each connection of what is to go out. By default it adapts itself.
        send_buffer: Option<SocketBuffer> = None,
        /// Who may connect, of a Unix socket: its owner and group, by default. In octal digits, as for `chmod`.
        mode: Mode = Mode(Socket::default().mode),
    }
}

impl Socket {
    pub(crate) fn resolve(raw: &RawSocket) -> Option<Self> {
        Some(Self {
            reuse_port: raw.reuse_port.as_ref()?.value,
            backlog: raw.backlog.as_ref()?.value.0,
            keepalive: raw.keepalive.as_ref()?.value.0,
            receive_buffer: raw.receive_buffer.as_ref()?.value.map(|size| size.0),
            send_buffer: raw.send_buffer.as_ref()?.value.map(|size| size.0),
            mode: raw.mode.as_ref()?.value.0,
        })
    }
}

impl From<Socket> for RawSocket {
    fn from(socket: Socket) -> Self {
        Self {
            reuse_port: meant(socket.reuse_port),
            backlog: meant(Backlog(socket.backlog)),
            keepalive: meant(Probe(socket.keepalive)),
            receive_buffer: meant(socket.receive_buffer.map(SocketBuffer)),
            send_buffer: meant(socket.send_buffer.map(SocketBuffer)),
            mode: meant(Mode(socket.mode)),
        }
    }
}

/// The bits of `chmod`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode(u32);

impl Leaf for Mode {
    const NAME: &'static str = "a mode";
    const EXAMPLE: &'static str = "0660";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = digits.then(|| u32::from_str_radix(text, 8).ok()).flatten().filter(|mode| *mode <= 0o777);
        mode.map(Self)
            .ok_or_else(|| "three octal digits, such as `660`, for owner, group and others".to_owned())
    }

    fn show(&self) -> Value {
        format!("{:04o}", self.0).into()
    }

    fn schema() -> Value {
        json!({ "type": ["string", "number"], "examples": [Self::EXAMPLE], "pattern": "^0?[0-7]{3}$" })
    }
}
