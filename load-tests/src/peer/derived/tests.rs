use std::net::IpAddr;

use edgeloom_testbed::geo;
use maxminddb::path;
use tempfile::TempDir;

use super::*;

/// A folder with the demo's world in the flat layout.
fn world() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("flat.mmdb");
    geo::write(geo::Layout::Flat, &database).unwrap();
    (folder, database)
}

#[test]
fn every_network_of_the_map_has_its_country() {
    let (folder, database) = world();
    let map = fs::read_to_string(countries(&database, folder.path()).unwrap()).unwrap();
    let lines: Vec<_> = map.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert!(lines.len() > 5, "{map}");
    for (network, country) in lines {
        let network: Ipv4Net = network.parse().unwrap();
        for address in [network.network(), network.broadcast()] {
            let place = geo::place(IpAddr::V4(address)).unwrap();
            assert_eq!(country, place.country, "{address}");
        }
    }
    assert!(map.contains("192.0.2.0/26 SE\n"), "{map}");
}

#[test]
fn neighbours_of_one_country_are_one_range() {
    let mut lines = Vec::new();
    let run = |first: [u8; 4], last: [u8; 4]| Some((first.into(), last.into(), "SE"));
    write_run(run([10, 0, 0, 0], [10, 0, 2, 255]), &mut lines).unwrap();
    write_run(None, &mut lines).unwrap();
    assert_eq!(String::from_utf8(lines).unwrap(), "10.0.0.0/23 SE\n10.0.2.0/24 SE\n");
}

#[test]
fn the_other_layout_has_the_same_places() {
    let (folder, database) = world();
    let nested = Reader::open_readfile(geoip2(&database, folder.path()).unwrap()).unwrap();
    for place in geo::PLACES {
        for network in place.networks.iter().filter(|network| network.contains('.')) {
            let address = IpAddr::V4(network.parse::<Ipv4Net>().unwrap().network());
            let found = nested.lookup(address).unwrap();
            let country = found.decode_path::<&str>(&path!["country", "iso_code"]).unwrap();
            let city = found.decode_path::<&str>(&path!["city", "names", "en"]).unwrap();
            assert_eq!((country, city), (Some(place.country), place.city), "{network}");
        }
    }
}

#[test]
fn what_is_there_is_not_made_again() {
    let (folder, database) = world();
    let path = countries(&database, folder.path()).unwrap();
    fs::write(&path, "kept").unwrap();
    assert_eq!(countries(&database, folder.path()).unwrap(), path);
    assert_eq!(fs::read_to_string(path).unwrap(), "kept");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.mmdb");
    fs::write(&file, "no database").unwrap();
    let error = geoip2(&file, folder.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("the database {} can not be read", file.display()));
}
