//! The PROXY protocol's header: says who the client is, before anything else on a connection.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use edgeloom_config::ProxyHeader;
use ppp::v2::{AddressFamily, Builder, Command, Protocol, Version};

/// Both ends of the client's connection, as far as they have addresses.
pub(super) type Ends = Option<(SocketAddr, SocketAddr)>;

/// The header that introduces a client. Without addresses it says that the edge speaks for itself.
pub(super) fn header(version: ProxyHeader, ends: Ends) -> Vec<u8> {
    match version {
        ProxyHeader::V1 => text(ends),
        ProxyHeader::V2 => binary(ends).unwrap_or_default(),
    }
}

fn text(ends: Ends) -> Vec<u8> {
    let mut header = Vec::with_capacity(TEXT_MAX);
    // Writing to memory does not fail.
    let _ = match ends.map(of_one_family) {
        None => header.write_all(b"PROXY UNKNOWN\r\n"),
        Some((from, to)) => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            write!(header, "PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
        }
    };
    header
}

fn binary(ends: Ends) -> std::io::Result<Vec<u8>> {
    match ends.map(of_one_family) {
        None => {
            Builder::new(Version::Two | Command::Local, AddressFamily::Unspecified | Protocol::Unspecified)
                .build()
        }
        Some(ends) => Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, ends).build(),
    }
}

/// A header has one family for both: where they differ, the older is written in the newer (RFC 4291 section 2.5.5.2).
fn of_one_family((from, to): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    if from.is_ipv4() == to.is_ipv4() { (from, to) } else { (mapped(from), mapped(to)) }
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The longest header of version 1, by its specification.
const TEXT_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    const V4: (&str, &str) = ("203.0.113.7:51000", "192.0.2.1:443");
    const V6: (&str, &str) = ("[2001:db8::7]:51000", "[2001:db8::1]:443");

    fn ends((from, to): (&str, &str)) -> Ends {
        Some((from.parse().unwrap(), to.parse().unwrap()))
    }

    #[test]
    fn the_first_version_is_text() {
        let text = |ends| String::from_utf8(header(ProxyHeader::V1, ends)).unwrap();
        assert_eq!(text(ends(V4)), "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n");
        assert_eq!(text(ends(V6)), "PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n");
        assert_eq!(text(ends((V4.0, V6.1))), "PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 51000 443\r\n");
        assert_eq!(text(None), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn the_second_version_is_read_back() {
        for ends in [ends(V4), ends(V6)] {
            let bytes = header(ProxyHeader::V2, ends);
            let read = ppp::v2::Header::try_from(bytes.as_slice()).unwrap();
            assert_eq!(read.command, Command::Proxy);
            let (from, to) = match read.addresses {
                ppp::v2::Addresses::IPv4(ip) => (
                    SocketAddr::from((ip.source_address, ip.source_port)),
                    SocketAddr::from((ip.destination_address, ip.destination_port)),
                ),
                ppp::v2::Addresses::IPv6(ip) => (
                    SocketAddr::from((ip.source_address, ip.source_port)),
                    SocketAddr::from((ip.destination_address, ip.destination_port)),
                ),
                other => panic!("{other:?}"),
            };
            assert_eq!(Some((from, to)), ends);
        }
        let bytes = header(ProxyHeader::V2, None);
        assert_eq!(bytes, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }
}
