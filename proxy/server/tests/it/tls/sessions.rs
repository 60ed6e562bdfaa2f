use edgeloom_testbed::{Client, Order, Versions};

use super::super::metric;
use super::{World, s_client};

#[test]
fn a_session_goes_on_over_connections_listeners_workers_and_new_certificates() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    for (versions, http2) in [
        (Versions::Only12, false),
        (Versions::Only13, false),
        (Versions::Only12, true),
        (Versions::Only13, true),
    ] {
        let tls = world.tls().versions(versions);
        let client = Client::tls(edge.address(), &if http2 { tls.http2() } else { tls });
        let visit = || {
            client.hang_up();
            assert_eq!(client.get("/").status(), 200);
            client.handshake().unwrap().resumed
        };
        assert!(!visit(), "{versions:?}");
        // More of them than there are workers.
        assert!((0..12).all(|_| visit()), "{versions:?}");
        world.write("shop", &Order::server(&["shop.example", "127.0.0.1"]));
        assert_eq!(edge.reload().status(), 200);
        assert!(visit(), "{versions:?}");
    }
    for version in ["1.2", "1.3"] {
        assert_eq!(
            metric(&edge, &format!("edgeloom_handshakes_total{{version=\"{version}\",session=\"new\"}}")),
            2
        );
        assert_eq!(
            metric(&edge, &format!("edgeloom_handshakes_total{{version=\"{version}\",session=\"resumed\"}}")),
            26
        );
    }
}

#[test]
fn a_client_without_tickets_is_remembered_here() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    // openssl connects once, and five times more with the session of before.
    let said = s_client(edge.address(), &["-tls1_2", "-no_ticket", "-reconnect"]);
    assert_eq!(said.matches("Reused, TLSv1.2").count(), 5, "{said}");
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.2\",session=\"resumed\"}"), 5);
}

#[test]
fn another_name_is_another_session() {
    let world = World::with(&[
        ("shop", &Order::server(&["shop.example"])),
        ("blog", &Order::server(&["blog.example"])),
    ]);
    let edge = world.edge(&["shop", "blog"]);
    let tls = world.tls();
    for (name, resumed) in [("shop.example", false), ("blog.example", false), ("shop.example", true)] {
        let client = Client::tls(edge.address(), &tls.clone().naming(name));
        client.get("/");
        assert_eq!(client.handshake().unwrap().resumed, resumed, "{name}");
    }
}
