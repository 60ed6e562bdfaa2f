//! Sockets that listen, before anything is accepted on them.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use edgeloom_config::{Bind, Socket as Setup};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

/// A socket that listens.
pub(crate) struct Bound {
    /// Where: with the port that it got, where any would do.
    pub(crate) at: Bind,
    pub(super) socket: Socket,
    file: Option<SocketFile>,
}

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{what} can not listen on {at}: {remedy}")]
pub(crate) struct BindError {
    what: &'static str,
    at: Bind,
    remedy: String,
}

/// Binds, and listens. `what` names it in the error.
///
/// # Errors
///
/// Where the system does not let us have the address; says what to do about it.
pub(crate) fn bind(what: &'static str, at: &Bind, setup: &Setup) -> Result<Bound, BindError> {
    let bound = match at {
        Bind::Tcp(address) => on_network(&(*address).into(), Domain::for_address(*address), setup),
        Bind::Unix(path) => on_file(path, setup),
    };
    let (socket, file) =
        bound.map_err(|source| BindError { what, at: at.clone(), remedy: remedy(at, &source) })?;
    let local = socket.local_addr().ok().and_then(|local| local.as_socket()).map(Bind::Tcp);
    Ok(Bound { at: local.unwrap_or_else(|| at.clone()), socket, file })
}

fn remedy(at: &Bind, source: &io::Error) -> String {
    let text = match (source.kind(), at) {
        (io::ErrorKind::AddrInUse, _) => {
            "the address is in use; stop the process that has it, or change `bind`"
        }
        (io::ErrorKind::AddrNotAvailable, _) => {
            "no interface of this machine has this address; change `bind`, or use 0.0.0.0 or [::] for all"
        }
        (io::ErrorKind::PermissionDenied, Bind::Tcp(_)) => {
            "permission denied; take a port above 1023, or grant the process CAP_NET_BIND_SERVICE"
        }
        (io::ErrorKind::PermissionDenied, Bind::Unix(_)) => {
            "permission denied; the user that runs the edge must be allowed to write to the folder"
        }
        (io::ErrorKind::NotFound, Bind::Unix(_)) => "there is no such folder; make it, or change `bind`",
        (io::ErrorKind::AlreadyExists, Bind::Unix(_)) => {
            "there is a file that is no socket; remove it, or change `bind`"
        }
        _ => return source.to_string(),
    };
    text.to_owned()
}

/// All that is set here is inherited by the connections that are accepted: Linux copies it.
fn on_network(address: &SockAddr, domain: Domain, setup: &Setup) -> io::Result<(Socket, Option<SocketFile>)> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before us may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if setup.reuse_port {
        socket.set_reuse_port(true)?;
    }
    // Else the last piece of an answer waits for the client's acknowledgement of the one before.
    socket.set_tcp_nodelay(true)?;
    let questions = TcpKeepalive::new().with_time(setup.keepalive).with_interval(setup.keepalive / 4);
    socket.set_tcp_keepalive(&questions.with_retries(PROBES))?;
    listen(&socket, address, setup)?;
    Ok((socket, None))
}

/// How often a silent client is asked whether it is there.
const PROBES: u32 = 3;

fn on_file(path: &Path, setup: &Setup) -> io::Result<(Socket, Option<SocketFile>)> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    remove_stale(path)?;
    socket.bind(&address)?;
    let file = SocketFile::at(path)?;
    // Nobody can connect before it listens.
    fs::set_permissions(path, fs::Permissions::from_mode(setup.mode))?;
    listen_on(&socket, setup)?;
    Ok((socket, Some(file)))
}

fn listen(socket: &Socket, address: &SockAddr, setup: &Setup) -> io::Result<()> {
    socket.bind(address)?;
    listen_on(socket, setup)
}

fn listen_on(socket: &Socket, setup: &Setup) -> io::Result<()> {
    let size = |bytes: edgeloom_core::units::Bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX);
    if let Some(bytes) = setup.receive_buffer {
        socket.set_recv_buffer_size(size(bytes))?;
    }
    if let Some(bytes) = setup.send_buffer {
        socket.set_send_buffer_size(size(bytes))?;
    }
    socket.set_nonblocking(true)?;
    socket.listen(i32::try_from(setup.backlog).unwrap_or(i32::MAX))
}

/// Removes a socket that a process left behind when it died: one that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Somebody answers, or may well do so.
        Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The file of a Unix socket: removed with this, unless another has taken its place.
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), inode: (metadata.dev(), metadata.ino()) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == self.inode) {
            // Where it can not be removed, the next start will find that nobody listens.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Bound {
    /// For a listener that is not served here.
    pub(crate) fn into_std(self) -> std::net::TcpListener {
        self.socket.into()
    }

    /// What must live as long as the process accepts: the file of a Unix socket goes with it.
    pub(crate) fn take_file(&mut self) -> Option<SocketFile> {
        self.file.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(at: &Bind) -> Bound {
        bind("the listener", at, &Setup::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(at: &Bind) -> String {
        let Err(error) = bind("the listener", at, &Setup::default()) else { panic!("bound {at}") };
        error.to_string()
    }

    #[test]
    fn an_occupied_port_is_named_with_its_remedy() {
        let held = bound(&Bind::Tcp("127.0.0.1:0".parse().unwrap()));
        assert_eq!(
            refused(&held.at),
            format!(
                "the listener can not listen on {}: the address is in use; stop the process that has it, or change `bind`",
                held.at
            )
        );
    }

    #[test]
    fn what_is_set_on_a_listener_holds_for_its_connections() {
        let setup =
            Setup { keepalive: std::time::Duration::from_secs(8), reuse_port: true, ..Setup::default() };
        let held = bind("it", &Bind::Tcp("127.0.0.1:0".parse().unwrap()), &setup)
            .unwrap_or_else(|error| panic!("{error}"));
        let address = held.at.tcp().unwrap();
        let again = bind("it", &held.at, &setup);
        assert!(again.is_ok(), "the port may be shared");
        drop(again);
        held.socket.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = held.socket.accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), setup.keepalive);
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), setup.keepalive / 4);
    }

    #[test]
    fn a_unix_socket_is_there_as_long_as_it_is_listened_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.sock");
        let at = Bind::Unix(path.clone());
        let held = bound(&at);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(refused(&at).contains("in use"));
        // As a process that dies leaves it.
        let Bound { socket, file, .. } = held;
        std::mem::forget(file);
        drop(socket);
        let again = bound(&at);
        drop(again);
        assert!(!path.exists());
        fs::write(&path, "precious").unwrap();
        assert!(refused(&at).contains("no socket"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert!(refused(&Bind::Unix(folder.path().join("none/edge.sock"))).contains("no such folder"));
    }

    #[test]
    fn a_unix_socket_that_was_replaced_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.sock");
        let first = bound(&Bind::Unix(path.clone()));
        fs::remove_file(&path).unwrap();
        let _second = bound(&Bind::Unix(path.clone()));
        drop(first);
        assert!(path.exists());
    }
}
