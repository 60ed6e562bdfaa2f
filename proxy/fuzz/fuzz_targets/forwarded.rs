//! Forwarding headers: strangers are believed nothing, and what is passed on ends with the peer.

#![no_main]

use std::net::IpAddr;

use edgeloom_core::client::{Client, ForwardingHeader, Trust, identify};
use edgeloom_core::forward::{Forwarding, vouch};
use edgeloom_core::survey::Survey;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

// Each line is one header: its first byte says which, the rest is the value.
fuzz_target!(|bytes: &[u8]| {
    let headers = headers(bytes);
    let peer = Client { address: IpAddr::from([10, 0, 0, 1]), secure: false };
    for header in [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded] {
        let nobody = Trust::new(Vec::new(), header);
        assert_eq!(identify(peer, &headers, &nobody), peer);
        vouched(headers.clone(), peer, &nobody);
        let proxies = Trust::new(networks(), header);
        let client = identify(peer, &headers, &proxies);
        assert_eq!(client.address, client.address.to_canonical());
        vouched(headers.clone(), peer, &proxies);
    }
});

fn vouched(mut headers: HeaderMap, peer: Client, trust: &Trust) {
    let established = identify(peer, &headers, trust);
    let sent = Survey::of(&headers);
    let vouched = vouch(&mut headers, sent, peer, trust, &Forwarding::DEFAULT, None, || 7);
    assert_eq!(vouched.client, established);
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let [line] = lines[..] else { panic!("there is not one line of those who passed it on") };
    let last = line.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
    assert_eq!(last.trim_ascii(), peer.address.to_string().as_bytes());
    let trusted = trust.trusts(peer.address);
    assert!(trusted || line.as_bytes() == last, "a stranger's words are passed on");
    assert!(vouched.id.bytes().all(|byte| byte.is_ascii_graphic()));
}

fn headers(bytes: &[u8]) -> HeaderMap {
    const NAMES: [&str; 6] =
        ["x-forwarded-for", "forwarded", "x-forwarded-proto", "x-request-id", "x_forwarded_for", "host"];
    let line = |line: &[u8]| {
        let (which, value) = line.split_first()?;
        let name = NAMES[usize::from(*which) % NAMES.len()];
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in bytes.split(|byte| *byte == b'\n').take(64).filter_map(line) {
        headers.append(name, value);
    }
    headers
}

fn networks() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8", "::1/128"].map(|network| network.parse().unwrap()).to_vec()
}
