use maxminddb::{PathElement, Reader, geoip2};

use super::*;

fn reader(layout: Layout) -> Reader<Vec<u8>> {
    let reader = Reader::from_source(database(layout).unwrap()).unwrap();
    reader.verify().unwrap();
    reader
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_city_database_reads_as_maxminds() {
    let reader = reader(Layout::City);
    let record: geoip2::City<'_> = reader.lookup(address("192.0.2.1")).unwrap().decode().unwrap().unwrap();
    assert_eq!((record.country.iso_code, record.country.names.english), (Some("SE"), Some("Sweden")));
    assert_eq!(record.country.is_in_european_union, Some(true));
    assert_eq!(record.continent.code, Some("EU"));
    assert_eq!(record.city.names.english, Some("Stockholm"));
    assert_eq!(record.subdivisions[0].iso_code, Some("AB"));
    assert_eq!((record.location.latitude, record.location.longitude), (Some(59.3327), Some(18.0656)));
    assert_eq!(record.location.time_zone, Some("Europe/Stockholm"));
    assert_eq!(record.postal.code, Some("111 20"));

    let record: geoip2::City<'_> = reader.lookup(address("8.8.8.8")).unwrap().decode().unwrap().unwrap();
    assert_eq!((record.country.iso_code, record.city.names.english), (Some("US"), None));
    assert!(!reader.lookup(address("10.0.0.1")).unwrap().has_data());
}

#[test]
fn a_country_database_knows_no_cities() {
    let reader = reader(Layout::Country);
    let found = reader.lookup(address("2001:db8:7::1")).unwrap();
    let record: geoip2::Country<'_> = found.decode().unwrap().unwrap();
    assert_eq!((record.country.iso_code, record.country.names.english), (Some("BR"), Some("Brazil")));
    let city: Option<String> = found.decode_path(&[PathElement::Key("city")]).unwrap();
    assert_eq!(city, None);
}

#[test]
fn a_flat_database_has_its_fields_at_the_top() {
    let reader = reader(Layout::Flat);
    let found = reader.lookup(address("198.51.100.130")).unwrap();
    let text = |name| found.decode_path::<String>(&[PathElement::Key(name)]).unwrap();
    assert_eq!((text("country_code").as_deref(), text("city").as_deref()), (Some("BR"), Some("São Paulo")));
    assert_eq!(
        (text("state1").as_deref(), text("postcode").as_deref()),
        (Some("São Paulo"), Some("01000-000"))
    );
    assert_eq!(text("timezone").as_deref(), Some("America/Sao_Paulo"));
    let latitude: Option<f32> = found.decode_path(&[PathElement::Key("latitude")]).unwrap();
    assert_eq!(latitude, Some(-23.5475));
}

#[test]
fn an_asn_database_reads_as_maxminds() {
    let reader = reader(Layout::Asn);
    let record: geoip2::Asn<'_> = reader.lookup(address("1.1.1.1")).unwrap().decode().unwrap().unwrap();
    assert_eq!(
        (record.autonomous_system_number, record.autonomous_system_organization),
        (Some(13335), Some("CLOUDFLARENET"))
    );
}

#[test]
fn every_network_is_found_as_the_table_says() {
    let reader = reader(Layout::City);
    for expected in PLACES {
        for network in expected.networks {
            let network: IpNet = network.parse().unwrap();
            for address in [network.network(), network.broadcast()] {
                let record: geoip2::City<'_> = reader.lookup(address).unwrap().decode().unwrap().unwrap();
                assert_eq!(record.country.iso_code, Some(expected.country), "{address}");
                assert_eq!(place(address), Some(expected), "{address}");
            }
        }
    }
    assert_eq!(place(address("10.0.0.1")), None);
}

#[test]
fn the_same_database_is_written_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("demo/one.mmdb"), folder.path().join("two.mmdb"));
    write(Layout::City, &one).unwrap();
    write(Layout::City, &two).unwrap();
    assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
}
