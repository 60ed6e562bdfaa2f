use std::fs;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Authority, Client, Edge, Order, Request, Versions};
use serde_json::json;

use super::super::{SOON, line_about, metric};
use super::World;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn clients(world: &World, word: &str) -> String {
    world.section(&["shop"], &format!(", clients: {{ ca: {}, certificates: {word} }}", world.ca().display()))
}

#[test]
fn a_certificate_is_required_or_not() {
    let world = World::shop();
    let edge = Edge::start(&world.yaml(&[&clients(&world, "required"), &clients(&world, "optional")]));
    let [required, optional] = edge.addresses() else { panic!() };
    let alice = world.authority.issue(&Order::client("alice").also(&["alice@shop.example"]));
    let stranger = Authority::new().issue(&Order::client("alice"));
    let late = world.authority.issue(&Order::client("alice").ended(WEEK));
    let server = world.authority.issue(&Order::server(&["shop.example"]));
    for versions in [Versions::Only12, Versions::Only13] {
        for protocols in [&["http/1.1"][..], &["h2"]] {
            let tls = world.tls().versions(versions).speaking(protocols);
            let status = |address, tls: &edgeloom_testbed::Tls, path: &str| {
                Client::tls(address, tls).attempt(Request::get(path)).map(|response| response.status()).ok()
            };
            let known = format!("/known/{versions:?}/{}", protocols[0]);
            assert_eq!(status(*required, &tls.clone().showing(&alice), &known), Some(200));
            assert_eq!(status(*optional, &tls.clone().showing(&alice), "/"), Some(200));
            assert_eq!(status(*required, &tls, "/"), None);
            assert_eq!(status(*optional, &tls, "/unknown"), Some(200));
            for disbelieved in [&stranger, &late, &server] {
                assert_eq!(status(*required, &tls.clone().showing(disbelieved), "/"), None);
                assert_eq!(status(*optional, &tls.clone().showing(disbelieved), "/"), None);
            }
            let shown = &line_about(&edge, &known)["tls"]["client"];
            assert_eq!(shown["subject"], "CN=alice");
            assert_eq!(shown["sha256"].as_str().unwrap().len(), 64);
            assert_eq!(line_about(&edge, "/unknown")["tls"].get("client"), None);
        }
    }
    assert_eq!(metric(&edge, "edgeloom_handshake_failures_total{reason=\"client_certificate\"}"), 28);
}

#[test]
fn curl_shows_a_certificate() {
    let world = World::shop();
    let edge = Edge::start(&world.yaml(&[&clients(&world, "required")]));
    let bob = world.authority.issue(&Order::client("bob").rsa()).write(world.folder.path(), "bob");
    let (chain, key) = (bob.chain.display().to_string(), bob.key.display().to_string());
    for further in [&["--http1.1"][..], &["--http2"], &["--http2", "--tls-max", "1.2"]] {
        let shown = [further, &["--cert", &chain, "--key", &key]].concat();
        let said = world.curl(edge.address(), "shop.example", &shown);
        assert!(said.ends_with(" 200"), "{said}");
        let refused = world.curl(edge.address(), "shop.example", further);
        assert!(refused.contains("\n0 000") || refused.contains(" 000"), "{refused}");
    }
    assert_eq!(line_about(&edge, "/")["tls"]["client"]["subject"], "CN=bob");
}

#[test]
fn a_session_of_a_client_goes_on_as_that_client_until_others_are_believed() {
    let world = World::shop();
    let edge = Edge::start(&world.yaml(&[&clients(&world, "required")]));
    let alice = world.authority.issue(&Order::client("alice"));
    for versions in [Versions::Only12, Versions::Only13] {
        let client = Client::tls(edge.address(), &world.tls().versions(versions).showing(&alice));
        let mut resumed = Vec::new();
        for round in 0..2 {
            let path = format!("/{versions:?}/{round}");
            assert_eq!(client.get(&path).status(), 200);
            resumed.push(client.handshake().unwrap().resumed);
            assert_eq!(line_about(&edge, &path)["tls"]["client"]["subject"], "CN=alice");
            client.hang_up();
        }
        assert_eq!(resumed, [false, true], "{versions:?}");

        // From now on nobody knows her; nor does it help that she was known.
        let known = fs::read_to_string(world.ca()).unwrap();
        edgeloom_testbed::replace(&world.ca(), Authority::new().pem().as_bytes()).unwrap();
        assert_eq!(edge.reload().status(), 200);
        assert!(client.attempt(Request::get("/")).is_err(), "{versions:?}");
        edgeloom_testbed::replace(&world.ca(), known.as_bytes()).unwrap();
        assert_eq!(edge.reload().status(), 200);
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn no_session_outlives_the_certificate_of_its_client() {
    let world = World::shop();
    let edge = Edge::start(&world.yaml(&[&clients(&world, "required")]));
    for versions in [Versions::Only12, Versions::Only13] {
        let brief = world.authority.issue(&Order::client("brief").ending_in(Duration::from_secs(3)));
        let client = Client::tls(edge.address(), &world.tls().versions(versions).showing(&brief));
        assert_eq!(client.get("/").status(), 200);
        let deadline = Instant::now() + SOON;
        let mut resumed = 0;
        loop {
            client.hang_up();
            if client.attempt(Request::get("/")).is_err() {
                break;
            }
            resumed += u32::from(client.handshake().unwrap().resumed);
            assert!(Instant::now() < deadline, "{versions:?}: it still goes on");
        }
        assert!(resumed > 0, "{versions:?}");
    }
}

#[test]
fn filters_are_told_by_a_grant() {
    let world = World::shop();
    let told = |grants: &str| {
        let yaml =
            world.yaml(&[&clients(&world, "optional")]).replace("name: all,", "name: all, filters: [tells],");
        let module = super::super::module("tests/tls");
        format!(
            "{yaml}modules: {{ tls: 'file:{}' }}\nfilters: {{ tells: {{ module: tls, settings: {{}}, grants: [{grants}] }} }}\n",
            module.display()
        )
    };
    let edge = Edge::start(&told("tls"));
    let alice = world.authority.issue(&Order::client("alice").also(&[
        "alice@shop.example",
        "spiffe://shop.example/cart",
        "192.0.2.7",
    ]));
    for tls in [world.tls(), world.tls().http2(), world.tls().versions(Versions::Only12)] {
        let client = Client::tls(edge.address(), &tls.naming("shop.example").showing(&alice));
        for path in ["/full", "/resumed"] {
            let response = client.get(path);
            let echo = response.echo();
            let sha256 = &line_about(&edge, path)["tls"]["client"]["sha256"];
            for (name, value) in [
                ("x-tls-name", "shop.example"),
                ("x-client-subject", "CN=alice"),
                ("x-client-sha256", sha256.as_str().unwrap()),
                ("x-client-names", "email=alice@shop.example uri=spiffe://shop.example/cart ip=192.0.2.7"),
            ] {
                assert_eq!((echo.header(name), response.header(name)), (Some(value), Some(value)), "{path}");
            }
            client.hang_up();
        }
        assert!(client.handshake().unwrap().resumed);
    }
    let nobody = Client::tls(edge.address(), &world.tls()).get("/").echo();
    assert_eq!((nobody.header("x-tls-version"), nobody.header("x-tls-name")), (Some("1.3"), Some("nobody")));
    assert_eq!((nobody.header("x-client-subject"), nobody.header("x-client-names")), (None, Some("")));

    let refused = edgeloom_testbed::Launch::yaml(&told("")).start().err().unwrap().to_string();
    assert!(refused.contains("it wants the grant `tls`, which it does not have"), "{refused}");
}

#[test]
fn whether_clients_are_asked_changes_while_the_edge_runs() {
    let world = World::shop();
    let open = world.section(&["shop"], "");
    let edge = Edge::start(&world.yaml(&[&open]));
    let status = || {
        let client = Client::tls(edge.address(), &world.tls());
        client.attempt(Request::get("/")).map(|response| response.status()).ok()
    };
    assert_eq!(status(), Some(200));
    edge.edit(|text| text.replace(&open, &clients(&world, "required")));
    edge.reload();
    assert_eq!(status(), None);
    edge.edit(|text| text.replace("required", "optional"));
    edge.reload();
    assert_eq!(status(), Some(200));
    // And whether there is TLS at all.
    edge.edit(|text| text.replace(&clients(&world, "optional"), "~"));
    edge.reload();
    assert_eq!(edge.get("/").echo().header("x-forwarded-proto"), Some("http"));
    let restart = edge.log().all().iter().any(|line| line.to_string().contains("restart needed"));
    assert!(!restart);
    assert_eq!(line_about(&edge, "/").get("tls").map(|tls| &tls["version"]), Some(&json!("1.3")));
}
