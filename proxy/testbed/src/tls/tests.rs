use std::time::Duration;

use rustls::ProtocolVersion;

use super::*;
use crate::{Client, Manner, Order, Origin};

fn origin(authority: &Authority, names: &[&str]) -> (Origin, Identity) {
    let identity = authority.issue(&Order::server(names));
    (Origin::secure(Manner::echo(), &OriginTls::showing(&identity)), identity)
}

#[test]
fn protocols_and_versions_are_agreed_on() {
    let authority = Authority::new();
    let (origin, identity) = origin(&authority, &["shop.example", "127.0.0.1"]);
    for (tls, version, protocol, http) in [
        (Tls::believing(&authority), ProtocolVersion::TLSv1_3, Some("http/1.1"), "HTTP/1.1"),
        (
            Tls::believing(&authority).naming("shop.example").http2(),
            ProtocolVersion::TLSv1_3,
            Some("h2"),
            "HTTP/2.0",
        ),
        (
            Tls::believing(&authority).versions(Versions::Only12),
            ProtocolVersion::TLSv1_2,
            Some("http/1.1"),
            "HTTP/1.1",
        ),
        (Tls::believing(&authority).speaking(&[]), ProtocolVersion::TLSv1_3, None, "HTTP/1.1"),
    ] {
        let client = Client::tls(origin.address(), &tls);
        assert_eq!(client.get("/").echo().version, http);
        let handshake = client.handshake().unwrap();
        assert_eq!((handshake.version, handshake.protocol.as_deref()), (version, protocol));
        assert_eq!(handshake.chain[0], identity.der());
        assert!(!handshake.resumed);
    }
    assert_eq!(origin.handshakes()[1].name.as_deref(), Some("shop.example"));
    assert_eq!(origin.handshakes()[0].name, None);
}

#[test]
fn sessions_go_on_unless_they_are_forgotten() {
    let authority = Authority::new();
    let (origin, _) = origin(&authority, &["127.0.0.1"]);
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = Tls::believing(&authority).versions(versions);
        let client = Client::tls(origin.address(), &tls);
        client.get("/");
        client.hang_up();
        client.get("/");
        assert!(client.handshake().unwrap().resumed, "{versions:?}");
        let other = Client::tls(origin.address(), &tls.forgetful());
        other.get("/");
        assert!(!other.handshake().unwrap().resumed, "{versions:?}");
    }
}

#[test]
fn a_client_is_asked_who_it_is() {
    let authority = Authority::new();
    let identity = authority.issue(&Order::server(&["127.0.0.1"]).rsa());
    let origin = Origin::secure(Manner::echo(), &OriginTls::showing(&identity).demanding(&authority));
    let alice = authority.issue(&Order::client("alice"));
    let tls = Tls::believing(&authority);
    assert_eq!(Client::tls(origin.address(), &tls.clone().showing(&alice)).get("/").status(), 200);
    assert_eq!(origin.handshakes()[0].chain[0], alice.der());
    assert!(Client::tls(origin.address(), &tls).attempt(crate::Request::get("/")).is_err());
}

#[test]
fn what_is_not_valid_is_not_believed() {
    let authority = Authority::new();
    let week = Duration::from_secs(7 * 86_400);
    let server = Order::server(&["127.0.0.1"]);
    for order in [server.clone().ended(week), server.beginning_in(week), Order::server(&["other.example"])] {
        let identity = authority.issue(&order);
        let origin = Origin::secure(Manner::echo(), &OriginTls::showing(&identity));
        let client = Client::tls(origin.address(), &Tls::believing(&authority));
        let error = client.attempt(crate::Request::get("/")).unwrap_err();
        assert!(matches!(error, crate::ClientError::Handshake { .. }), "{error:?}");
    }
    let (origin, _) = origin(&Authority::new(), &["127.0.0.1"]);
    assert!(
        Client::tls(origin.address(), &Tls::believing(&authority)).attempt(crate::Request::get("/")).is_err()
    );
}
