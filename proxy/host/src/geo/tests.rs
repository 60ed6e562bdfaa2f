use std::net::IpAddr;
use std::path::PathBuf;

use edgeloom_testbed::geo::{self as world, Layout, PLACES};

use super::*;

/// A database of the demo world in a folder that goes when dropped.
fn file(layout: Layout) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geo.mmdb");
    world::write(layout, &path).unwrap();
    (folder, path)
}

fn open(layout: Layout) -> Geo {
    let (_folder, path) = file(layout);
    Geo::open(&path, None).unwrap()
}

/// One address of every place, with the place.
fn addresses() -> impl Iterator<Item = (IpAddr, &'static world::Place)> {
    PLACES.iter().flat_map(|place| {
        let address = |network: &&str| network.split('/').next().unwrap().parse::<IpAddr>().unwrap();
        place.networks.iter().map(move |network| (address(network), place))
    })
}

#[test]
fn city_databases_tell_everything() {
    let geo = open(Layout::City);
    for (address, place) in addresses() {
        let found = geo.locate(address).unwrap();
        assert_eq!(found.country, Some(place.country), "{address}");
        assert_eq!(found.country_name, Some(place.country_name));
        assert_eq!(found.eu, Some(place.eu));
        assert_eq!(found.continent, Some(place.continent));
        assert_eq!(found.city, place.city);
        assert_eq!(found.region, place.region.map(|(code, _)| code));
        assert_eq!(found.postal_code, place.postal_code);
        assert_eq!(found.time_zone, Some(place.time_zone));
        assert_eq!(found.latitude, Some(place.latitude));
        assert_eq!(geo.country(address), Some(place.country));
    }
}

#[test]
fn country_databases_tell_the_country() {
    let geo = open(Layout::Country);
    for (address, place) in addresses() {
        let found = geo.locate(address).unwrap();
        assert_eq!(found.country, Some(place.country), "{address}");
        assert_eq!(found.eu, Some(place.eu));
        assert_eq!(found.city, None);
    }
}

#[test]
fn flat_databases_tell_what_they_have() {
    let geo = open(Layout::Flat);
    for (address, place) in addresses() {
        let found = geo.locate(address).unwrap();
        assert_eq!(found.country, Some(place.country), "{address}");
        assert_eq!(found.eu, Some(place.eu), "{}", place.country);
        assert_eq!(found.city, place.city);
        assert_eq!(found.region_name, place.region.map(|(_, name)| name));
        assert_eq!(found.time_zone, Some(place.time_zone));
        assert!((found.latitude.unwrap() - place.latitude).abs() < 0.000_11);
        assert_eq!(geo.country(address), Some(place.country));
    }
}

#[test]
fn a_second_database_adds_the_autonomous_system() {
    let (_places, places) = file(Layout::Country);
    let (_systems, systems) = file(Layout::Asn);
    let geo = Geo::open(&places, Some(&systems)).unwrap();
    for (address, place) in addresses() {
        let found = geo.locate(address).unwrap();
        assert_eq!(found.asn, Some(place.asn), "{address}");
        assert_eq!(found.as_organization, Some(place.organization));
    }
}

#[test]
fn ipv4_addresses_are_found_inside_ipv6_ones() {
    let geo = open(Layout::City);
    for (address, place) in addresses() {
        let IpAddr::V4(v4) = address else { continue };
        let [a, b, c, d] = v4.octets();
        let mapped = IpAddr::V6(v4.to_ipv6_mapped());
        let six_to_four =
            IpAddr::from([0x2002, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), 0, 0, 0, 0, 1]);
        for address in [mapped, six_to_four] {
            let found = geo.locate(address).unwrap();
            assert_eq!(found.country, Some(place.country), "{address}");
        }
    }
}

#[test]
fn an_address_of_nowhere_has_no_place() {
    let geo = open(Layout::City);
    for address in ["127.0.0.1", "10.0.0.1", "::1", "fe80::1"] {
        assert_eq!(geo.locate(address.parse().unwrap()), None, "{address}");
        assert_eq!(geo.country(address.parse().unwrap()), None);
    }
}

#[test]
fn files_that_are_no_database_are_named() {
    let (folder, path) = file(Layout::City);
    let whole = std::fs::read(&path).unwrap();
    for (name, bytes) in [("empty", &[][..]), ("text", b"not a database"), ("cut", &whole[..whole.len() / 2])]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Geo::open(&path, None).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("damaged"), "{error}");
    }
    let missing = Geo::open(&folder.path().join("missing"), None).unwrap_err();
    assert!(matches!(missing, GeoError::Unreadable { .. }), "{missing}");
}

#[test]
fn the_wrong_kind_of_database_is_refused() {
    let (_systems, systems) = file(Layout::Asn);
    let (_places, places) = file(Layout::City);
    assert!(matches!(Geo::open(&systems, None), Err(GeoError::NoPlaces { .. })));
    assert!(matches!(Geo::open(&places, Some(&places)), Err(GeoError::NoAsn { .. })));
}
