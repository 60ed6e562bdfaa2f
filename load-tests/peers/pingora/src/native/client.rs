//! Who is asking: the peer, or whom a trusted one speaks for.

use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;
use pingora_proxy::Session;

/// The nearest hop that is not a proxy of ours.
pub(super) fn of(session: &Session) -> IpAddr {
    let peer = session.client_addr().and_then(|address| address.as_inet());
    // Every socket of ours has a peer with an Internet address.
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    walk(peer, &session.req_header().headers)
}

/// The header grows to the right, so it is read from there, for as long as each hop is trusted. What
/// is no address was not written by a proxy of ours, and nothing of it is believed.
fn walk(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").into_iter().rev();
    let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = peer;
    while is_trusted(client) {
        let Some(hop) = hops.next() else { return client };
        let Some(hop) = parse(hop.trim_ascii()) else { return peer };
        client = hop;
    }
    client
}

fn parse(hop: &[u8]) -> Option<IpAddr> {
    Some(std::str::from_utf8(hop).ok()?.parse::<IpAddr>().ok()?.to_canonical())
}

/// The loopback, as the benchmark's edge is configured.
fn is_trusted(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, lines: &[&str], client: &str) {
        let lines = lines.iter().map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap()));
        let headers: HeaderMap = lines.collect();
        assert_eq!(walk(peer.parse().unwrap(), &headers), client.parse::<IpAddr>().unwrap());
    }

    #[test]
    fn trusted_hops_are_believed_up_to_the_first_stranger() {
        check("127.0.0.1", &["192.0.2.7"], "192.0.2.7");
        check("127.0.0.1", &["192.0.2.7, 198.51.100.1, 127.0.0.2"], "198.51.100.1");
        check("127.0.0.1", &["192.0.2.7", "198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["nonsense"], "127.0.0.1");
        check("203.0.113.9", &["192.0.2.7"], "203.0.113.9");
    }
}
