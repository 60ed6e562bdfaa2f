use std::fs;

use edgeloom_testbed::{Client, ClientError, Edge, Order, Request};

use super::super::{line_about, metric};
use super::{World, s_client};

/// Which of the files the client was shown.
#[track_caller]
fn shown(world: &World, address: std::net::SocketAddr, name: Option<&str>) -> Result<String, ClientError> {
    let tls = match name {
        Some(name) => world.tls().naming(name),
        None => world.tls(),
    };
    let client = Client::tls(address, &tls.forgetful());
    client.attempt(Request::get("/"))?;
    let own = client.handshake().unwrap().chain.first().unwrap().clone();
    let files = fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().path());
    let of = |path: &std::path::PathBuf| {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        CertificateDer::from_pem_file(path).is_ok_and(|read| read == own)
    };
    let file = files.filter(|path| path.extension().is_some_and(|kind| kind == "pem")).find(of).unwrap();
    Ok(file.file_stem().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_client_is_shown_what_is_for_the_name_that_it_asks_for() {
    let world = World::with(&[
        ("default", &Order::server(&["default.example", "*.shop.example.org", "127.0.0.1"])),
        ("wildcard", &Order::server(&["*.shop.example"])),
        ("api", &Order::server(&["api.shop.example"])),
        ("here", &Order::server(&["127.0.0.1", "here.example"])),
    ]);
    let all = ["default", "wildcard", "api", "here"];
    let [welcoming, strict] = [world.section(&all, ""), world.section(&all, ", unknown_name: refuse")];
    let edge = Edge::start(&world.yaml(&[&welcoming, &strict]));
    for address in edge.addresses() {
        for (name, file) in [
            (Some("api.shop.example"), "api"),
            (Some("API.Shop.Example"), "api"),
            (Some("www.shop.example"), "wildcard"),
            (Some("default.example"), "default"),
            (Some("here.example"), "here"),
            // Asks for no name; of several for the address it is the first.
            (None, "default"),
        ] {
            assert_eq!(shown(&world, *address, name).unwrap(), file, "{name:?}");
        }
    }
    let [welcoming, strict] = edge.addresses() else { panic!() };
    // Neither is believed for these names: the first is shown something else, the second nothing.
    for name in ["shop.example", "a.b.shop.example", "other.example"] {
        let mistaken = shown(&world, *welcoming, Some(name)).unwrap_err();
        assert!(format!("{mistaken:?}").contains("NotValidForName"), "{mistaken:?}");
        let refused = shown(&world, *strict, Some(name)).unwrap_err();
        assert!(format!("{refused:?}").contains("AlertReceived(AccessDenied)"), "{refused:?}");
    }
    assert_eq!(metric(&edge, "edgeloom_handshake_failures_total{reason=\"unknown_name\"}"), 3);
    assert_eq!(metric(&edge, "edgeloom_handshake_failures_total{reason=\"rejected\"}"), 3);
}

#[test]
fn who_names_nobody_is_refused_where_no_address_is_known() {
    let world = World::with(&[("shop", &Order::server(&["shop.example"]))]);
    let edge = Edge::start(&world.yaml(&[&world.section(&["shop"], ", unknown_name: refuse")]));
    let said = s_client(edge.address(), &["-noservername"]);
    assert!(said.contains("no peer certificate available"), "{said}");
    let said = s_client(edge.address(), &["-servername", "shop.example"]);
    assert!(said.contains("CN = shop.example"), "{said}");
}

#[test]
fn ecdsa_is_shown_to_those_who_can_and_rsa_to_the_others() {
    let name = Order::server(&["shop.example"]);
    let world = World::with(&[("rsa", &name.clone().rsa()), ("ecdsa", &name)]);
    let edge = world.edge(&["rsa", "ecdsa"]);
    for (further, key) in [
        (&[][..], "id-ecPublicKey"),
        (&["-tls1_2"], "id-ecPublicKey"),
        (&["-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"], "id-ecPublicKey"),
        (&["-sigalgs", "RSA-PSS+SHA256"], "rsaEncryption"),
        (&["-sigalgs", "RSA+SHA256", "-tls1_2"], "rsaEncryption"),
        (&["-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-tls1_2"], "rsaEncryption"),
        (&["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2"], "id-ecPublicKey"),
    ] {
        // Also where it asks for a name that nobody has: the default has both.
        for asked in ["shop.example", "unknown.example"] {
            let said = s_client(edge.address(), &[&["-servername", asked], further].concat());
            let line = said.lines().find(|line| line.contains("a:PKEY:")).unwrap_or_default();
            assert!(line.contains(key), "{further:?} {asked}: {said}");
        }
    }
}

#[test]
fn a_request_for_another_host_is_misdirected() {
    let world = World::with(&[
        ("shop", &Order::server(&["shop.example", "*.shop.example", "127.0.0.1"])),
        ("blog", &Order::server(&["blog.example"])),
    ]);
    let both = ["shop", "blog"];
    let [strict, lax] = [world.section(&both, ", misdirected: refuse"), world.section(&both, "")];
    let edge = Edge::start(&world.yaml(&[&strict, &lax]));
    let [strict, lax] = edge.addresses() else { panic!() };
    for tls in [world.tls(), world.tls().http2()] {
        let tls = tls.naming("www.shop.example");
        let client = Client::tls(*strict, &tls);
        for (host, status) in [
            ("shop.example", 200),
            ("www.shop.example:8443", 200),
            ("Other.Shop.Example", 200),
            ("127.0.0.1", 200),
            ("blog.example", 421),
            ("a.b.shop.example", 421),
            ("127.0.0.2", 421),
            // The connection is as good as before.
            ("shop.example.", 200),
        ] {
            let response = client.request(Request::get(&format!("/{host}")).host(host));
            assert_eq!(response.status(), status, "{host}");
        }
        let line = line_about(&edge, "/blog.example");
        assert_eq!(line["failure"], "the host is not one that the connection's certificate is for");
        assert_eq!((&line["host"], &line["status"]), (&"blog.example".into(), &421.into()));
        let lax = Client::tls(*lax, &tls);
        assert_eq!(lax.request(Request::get("/").host("blog.example")).status(), 200);
    }
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.3\",session=\"new\"}"), 4);
}
