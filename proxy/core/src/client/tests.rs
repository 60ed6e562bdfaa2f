use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PEER: &str = "10.0.0.1";

/// Whom a request is from that 10.0.0.1 sent over plain HTTP, where 10.0.0.0/8 and 2001:db8::/32 are trusted.
fn identified(header: ForwardingHeader, lines: &[(&str, &[u8])]) -> (String, bool) {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let peer = Client { address: PEER.parse().unwrap(), secure: false };
    let client = identify(peer, &headers, &Trust::new(networks.into(), header));
    (client.address.to_string(), client.secure)
}

fn x_forwarded_for(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", line.as_bytes())).collect();
    identified(ForwardingHeader::XForwardedFor, &lines).0
}

fn forwarded(lines: &[&str]) -> (String, bool) {
    let lines: Vec<_> = lines.iter().map(|line| ("forwarded", line.as_bytes())).collect();
    identified(ForwardingHeader::Forwarded, &lines)
}

#[test]
fn x_forwarded_for_is_walked_from_the_right_over_trusted_hops() {
    for (lines, client) in [
        (&[][..], PEER),
        (&["192.0.2.7"], "192.0.2.7"),
        (&["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (&["192.0.2.7, 10.0.0.2,10.0.0.3"], "192.0.2.7"),
        (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (&["198.51.100.1", "192.0.2.7, 10.0.0.2", "10.0.0.3"], "192.0.2.7"),
        (&["192.0.2.7, , 10.0.0.2,", ""], "192.0.2.7"),
    ] {
        assert_eq!(x_forwarded_for(lines), client, "{lines:?}");
    }
}

#[test]
fn hops_are_written_in_many_ways() {
    for (hop, client) in [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db9::1", "2001:db9::1"),
        ("[2001:DB9::1]", "2001:db9::1"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("192.0.2.7, [2001:db8::1]:_hidden", "192.0.2.7"),
    ] {
        assert_eq!(x_forwarded_for(&[hop]), client, "{hop}");
    }
}

#[test]
fn a_hidden_client_is_the_last_known_trusted_hop() {
    for hidden in ["unknown", "Unknown", "_secret", "_secret:_port", "unknown:80"] {
        let line = format!("192.0.2.7, {hidden}, 10.0.0.2");
        assert_eq!(x_forwarded_for(&[&line]), "10.0.0.2", "{hidden}");
    }
}

#[test]
fn a_malformed_hop_makes_the_peer_the_client() {
    for malformed in [
        "x",
        "192.0.2",
        "192.0.2.07",
        "192.0.2.7:",
        "192.0.2.7:x",
        "192.0.2.7:65536",
        "192.0.2.7:+80",
        "[192.0.2.7]",
        "[::1",
        "[::1]80",
        "::1]",
        "fe80::1%eth0",
        "\"192.0.2.7\"",
        "192.0.2.7 10.0.0.2",
        ":",
        "[]",
    ] {
        assert_eq!(x_forwarded_for(&[malformed]), PEER, "{malformed}");
        assert_eq!(x_forwarded_for(&[malformed, "10.0.0.2"]), PEER, "{malformed}");
    }
}

#[test]
fn what_strangers_wrote_is_not_even_read() {
    for stranger in ["x", "\"", "for=\"", "10.0.0.1", "\\\"", "\u{fc}", "a,\"b"] {
        assert_eq!(
            x_forwarded_for(&[&format!("{stranger}, 192.0.2.7, 10.0.0.2")]),
            "192.0.2.7",
            "{stranger}"
        );
        let line = format!("{stranger}, for=192.0.2.7, for=\"[2001:db8::1]\"");
        assert_eq!(forwarded(&[&line]).0, "192.0.2.7", "{stranger}");
    }
    let lines = [("x-forwarded-for", &b"\xff\xfe, 192.0.2.7"[..])];
    assert_eq!(identified(ForwardingHeader::XForwardedFor, &lines).0, "192.0.2.7");
}

#[test]
fn so_many_hops_are_walked_and_no_more() {
    let hops = |n| format!("192.0.2.7{}", ", 10.0.0.2".repeat(n));
    assert_eq!(x_forwarded_for(&[&hops(FORWARDED_HOPS_MAX - 1)]), "192.0.2.7");
    assert_eq!(x_forwarded_for(&[&hops(FORWARDED_HOPS_MAX)]), PEER);
}

#[test]
fn forwarded_is_read_as_rfc_7239_has_it() {
    for (lines, client) in [
        (&["for=192.0.2.7"][..], "192.0.2.7"),
        (&["For=\"[2001:db9:cafe::17]:4711\""], "2001:db9:cafe::17"),
        (&["for=192.0.2.7;proto=http;by=203.0.113.43"], "192.0.2.7"),
        (&["proto=http; by=203.0.113.43; for=\"192.0.2.7:80\";"], "192.0.2.7"),
        (&["for=198.51.100.1, for=192.0.2.7, for=10.0.0.2"], "192.0.2.7"),
        (&["for=192.0.2.7", "for=10.0.0.2"], "192.0.2.7"),
        (&["for=192.0.2.7;host=\"a,b;for=x\\\",\\\\\", for=10.0.0.2"], "192.0.2.7"),
        (&["for=192.0.2.7, for=\"_gazonk\", for=10.0.0.2"], "10.0.0.2"),
        (&["for=192.0.2.7, proto=https"], PEER),
        (&["for=192.0.2.7, for=unknown"], PEER),
        (&[","], PEER),
    ] {
        assert_eq!(forwarded(lines).0, client, "{lines:?}");
    }
}

#[test]
fn malformed_forwarded_elements_make_the_peer_the_client() {
    for malformed in [
        "192.0.2.7",
        "for",
        "for=",
        "for=\"192.0.2.7",
        "for=192.0.2.7\"",
        "for=\"192.0.2.7\\\"",
        "for=\"192.0.2.\\7\"",
        "for=192.0.2.7;for=192.0.2.8",
        "for=192.0.2.7;for=unknown",
        "for=192.0.2.7;x",
        "for=[::1",
        "for=\"[::1]x\"",
    ] {
        assert_eq!(forwarded(&[malformed]).0, PEER, "{malformed}");
        assert_eq!(forwarded(&["for=192.0.2.7", malformed, "for=10.0.0.2"]).0, PEER, "{malformed}");
    }
}

#[test]
fn only_the_chosen_header_counts_and_only_from_the_trusted() {
    let lines = [("forwarded", &b"for=192.0.2.7"[..]), ("x-forwarded-for", b"192.0.2.8")];
    assert_eq!(identified(ForwardingHeader::XForwardedFor, &lines).0, "192.0.2.8");
    assert_eq!(identified(ForwardingHeader::Forwarded, &lines).0, "192.0.2.7");

    let mut headers = HeaderMap::new();
    headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.8"));
    headers.append("x-forwarded-proto", HeaderValue::from_static("https"));
    let stranger = Client { address: "203.0.113.1".parse().unwrap(), secure: false };
    assert_eq!(identify(stranger, &headers, &Trust::default()), stranger);
}

#[test]
fn mapped_peers_and_networks_are_unmapped() {
    let address = "::ffff:10.0.0.1".parse().unwrap();
    let peer = Client { address, secure: true };
    assert_eq!(identify(peer, &HeaderMap::new(), &Trust::default()).address.to_string(), PEER);

    let trust = Trust::new(vec!["::ffff:10.0.0.0/104".parse().unwrap()], ForwardingHeader::default());
    assert!(trust.trusts(address) && trust.trusts("10.255.0.1".parse().unwrap()));
    assert!(!trust.trusts("11.0.0.1".parse().unwrap()));
    let all = Trust::new(vec!["::/0".parse().unwrap()], ForwardingHeader::default());
    assert!(all.trusts("2001:db8::1".parse().unwrap()));
}

#[test]
fn a_trusted_proxy_says_whether_its_client_is_secure() {
    use ForwardingHeader::XForwardedFor;
    for (protos, secure) in [
        (&[][..], false),
        (&["https"], true),
        (&["HTTPS"], true),
        (&["http"], false),
        (&["https, https"], false),
        (&["https", "https"], false),
        (&["wss"], false),
    ] {
        let mut lines = vec![("x-forwarded-for", &b"192.0.2.7"[..])];
        lines.extend(protos.iter().map(|proto| ("x-forwarded-proto", proto.as_bytes())));
        assert_eq!(identified(XForwardedFor, &lines).1, secure, "{protos:?}");
    }
    assert!(forwarded(&["for=192.0.2.7;proto=https, for=10.0.0.2;proto=http"]).1);
    assert!(!forwarded(&["for=192.0.2.7;proto=http, for=10.0.0.2;proto=https"]).1);
    assert!(!forwarded(&["proto=https;for=x"]).1, "malformed");
}

proptest! {
    /// Whatever a client sends, the proxy's own word at the right end counts.
    #[test]
    fn a_client_cannot_be_someone_else(forged in proptest::collection::vec(32..=255u8, 0..60)) {
        for (header, own) in [
            (ForwardingHeader::XForwardedFor, "192.0.2.7"),
            (ForwardingHeader::Forwarded, "for=192.0.2.7;by=\"_a,\\\"\""),
        ] {
            let mut line = forged.clone();
            line.retain(|byte| *byte != 127);
            line.extend_from_slice(b", ");
            line.extend_from_slice(own.as_bytes());
            prop_assert_eq!(identified(header, &[(header.name().as_str(), &line)]).0, "192.0.2.7");
        }
    }
}
