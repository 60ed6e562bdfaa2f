//! The PROXY protocol: whom a proxy before us speaks for, before anything else on a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ppp::{PartialResult as _, v1, v2};

/// Which versions are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
    Any,
}

/// What was announced, and in how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    pub length: usize,
    /// Who connected, and where to; `None` where the proxy speaks for itself, or for no address.
    pub whom: Option<(SocketAddr, SocketAddr)>,
}

/// Why a connection does not begin with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnnouncement {
    #[error("the connection does not begin with the PROXY protocol")]
    Absent,
    #[error("the announcement is malformed")]
    Malformed,
    #[error("the announcement is too long")]
    TooLong,
    #[error("the announcement is of the other version")]
    OtherVersion,
}

/// The most bytes of an announcement: those of version 1 have at most 107, and
/// those of version 2 some hundred with all that balancers put into them.
pub const LENGTH_MAX: usize = 4096;

/// Reads what has come so far. `None` if more has to come.
///
/// # Errors
///
/// Where it can not become an announcement of a version that is wanted.
pub fn read(bytes: &[u8], wanted: Version) -> Result<Option<Announcement>, NoAnnouncement> {
    let begins = |prefix: &[u8]| bytes.iter().zip(prefix).all(|(have, want)| have == want);
    let (text, binary) = (begins(TEXT), begins(v2::PROTOCOL_PREFIX));
    match (wanted, text, binary) {
        (_, false, false) => Err(NoAnnouncement::Absent),
        (Version::V1, false, true) | (Version::V2, true, false) => Err(NoAnnouncement::OtherVersion),
        (_, _, true) => of_version_2(bytes),
        (_, true, false) => of_version_1(bytes),
    }
}

const TEXT: &[u8] = b"PROXY ";

fn of_version_1(bytes: &[u8]) -> Result<Option<Announcement>, NoAnnouncement> {
    // The specification's bound, with the end of the line.
    const LINE_MAX: usize = 107;
    let Some(end) = bytes.iter().take(LINE_MAX).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_MAX { Ok(None) } else { Err(NoAnnouncement::TooLong) };
    };
    let line = bytes.get(..=end).unwrap_or_default();
    let header = v1::Header::try_from(line).map_err(|_malformed| NoAnnouncement::Malformed)?;
    let whom = match header.addresses {
        v1::Addresses::Tcp4(ends) => Some(pair(
            (ends.source_address.into(), ends.source_port),
            (ends.destination_address.into(), ends.destination_port),
        )),
        v1::Addresses::Tcp6(ends) => Some(pair(
            (ends.source_address.into(), ends.source_port),
            (ends.destination_address.into(), ends.destination_port),
        )),
        v1::Addresses::Unknown => None,
    };
    Ok(Some(Announcement { length: line.len(), whom }))
}

fn of_version_2(bytes: &[u8]) -> Result<Option<Announcement>, NoAnnouncement> {
    // The length is in the last two of its sixteen bytes.
    if let Some([high, low]) = bytes.get(14..16)
        && usize::from(u16::from_be_bytes([*high, *low])) + 16 > LENGTH_MAX
    {
        return Err(NoAnnouncement::TooLong);
    }
    let read = v2::Header::try_from(bytes);
    if read.is_incomplete() {
        return Ok(None);
    }
    let header = read.map_err(|_malformed| NoAnnouncement::Malformed)?;
    let whom = match (header.command, header.addresses) {
        // Datagrams do not come in here, whatever somebody says of them.
        (v2::Command::Proxy, _) if header.protocol == v2::Protocol::Datagram => {
            return Err(NoAnnouncement::Malformed);
        }
        (v2::Command::Proxy, v2::Addresses::IPv4(ends)) => Some(pair(
            (ends.source_address.into(), ends.source_port),
            (ends.destination_address.into(), ends.destination_port),
        )),
        (v2::Command::Proxy, v2::Addresses::IPv6(ends)) => Some(pair(
            (ends.source_address.into(), ends.source_port),
            (ends.destination_address.into(), ends.destination_port),
        )),
        (v2::Command::Local, _)
        | (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => None,
    };
    Ok(Some(Announcement { length: header.len(), whom }))
}

/// IPv4 addresses are never seen in their IPv6 form.
fn pair(source: (IpAddr, u16), destination: (IpAddr, u16)) -> (SocketAddr, SocketAddr) {
    let address = |(address, port): (IpAddr, u16)| SocketAddr::new(address.to_canonical(), port);
    (address(source), address(destination))
}

/// What a peer without an address counts as: it is on this machine.
pub const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Whom an address stands for: itself, or of IPv6 the /64 that a provider gives to one customer.
pub fn party(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
