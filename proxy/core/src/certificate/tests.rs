use super::*;

fn names(written: &[&str]) -> Vec<ServerName> {
    let name = |written: &&str| match written.parse() {
        Ok(address) => ServerName::Address(address),
        Err(_) => ServerName::of_dns(written).unwrap(),
    };
    written.iter().map(name).collect()
}

fn shelf(certificates: &[&[&str]]) -> Shelf {
    let certificates: Vec<_> = certificates.iter().map(|written| names(written)).collect();
    Shelf::new(certificates.iter().map(Vec::as_slice))
}

fn found(shelf: &Shelf, name: &str) -> Vec<usize> {
    shelf.find(Asked { name: Some(name), address: None }).collect()
}

#[test]
fn a_name_goes_before_a_wildcard_and_the_order_counts_within() {
    let shelf = shelf(&[
        &["default.example"],
        &["*.shop.example"],
        &["shop.example", "*.shop.example"],
        &["api.shop.example"],
        &["api.shop.example"],
    ]);
    assert_eq!(found(&shelf, "api.shop.example"), [3, 4, 1, 2]);
    assert_eq!(found(&shelf, "www.shop.example"), [1, 2]);
    assert_eq!(found(&shelf, "shop.example"), [2]);
    assert_eq!(found(&shelf, "WWW.Shop.Example."), [1, 2]);
    // A wildcard stands for one label.
    for unknown in ["a.b.shop.example", "example", ".shop.example", "", ".", "other.example"] {
        assert_eq!(found(&shelf, unknown), [0; 0], "{unknown}");
    }
    assert_eq!(shelf.fallback().collect::<Vec<_>>(), [0]);
}

#[test]
fn the_default_has_its_siblings() {
    let shelf = shelf(&[&["a.example", "b.example"], &["b.example"], &["a.example"]]);
    assert_eq!(shelf.fallback().collect::<Vec<_>>(), [0, 2]);
    let nameless = Shelf::new([&[][..], &[][..]]);
    assert_eq!(nameless.fallback().collect::<Vec<_>>(), [0]);
    assert_eq!(Shelf::new([]).fallback().count(), 0);
}

#[test]
fn addresses_are_asked_for_by_connecting_to_them() {
    let shelf = shelf(&[&["a.example"], &["192.0.2.7", "2001:db8::7"]]);
    let at = |address: &str| -> Vec<_> {
        shelf.find(Asked { name: None, address: Some(address.parse().unwrap()) }).collect()
    };
    assert_eq!((at("192.0.2.7"), at("::ffff:192.0.2.7"), at("2001:db8::7")), (vec![1], vec![1], vec![1]));
    assert_eq!(at("192.0.2.8"), [0; 0]);
    // Who says a name means it.
    let named = Asked { name: Some("b.example"), address: "192.0.2.7".parse().ok() };
    assert_eq!(shelf.find(named).count(), 0);
    assert!(shelf.has_addresses());
}

#[test]
fn a_host_is_covered_by_its_name_its_wildcard_or_its_address() {
    let names = names(&["shop.example", "*.shop.example", "192.0.2.7", "2001:db8::7"]);
    let covered = |host: &str| names.iter().any(|name| name.covers(host));
    for host in
        ["shop.example", "shop.example.", "a.shop.example", "192.0.2.7", "[2001:db8::7]", "[2001:DB8::7]"]
    {
        assert!(covered(host), "{host}");
    }
    for host in
        ["", ".", "example", "a.b.shop.example", ".shop.example", "192.0.2.8", "[::1]", "shop.example.evil"]
    {
        assert!(!covered(host), "{host}");
    }
}

#[test]
fn names_that_no_client_would_take_are_none() {
    for none in ["", ".", "*", "*.", "f*.example", "*.*.example", "a.*.example"] {
        assert_eq!(ServerName::of_dns(none), None, "{none}");
    }
    assert_eq!(ServerName::of_dns("*.Shop.Example.").unwrap().to_string(), "*.shop.example");
}
