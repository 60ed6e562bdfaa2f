//! Who is asking: with nobody before the edge, and behind two proxies that are trusted.

use edgeloom_core::client::{Client, ForwardingHeader, Trust, identify};
use http::HeaderValue;

use crate::gauge::Gauge;
use crate::visitor;

pub(crate) fn measure(gauge: &mut Gauge) {
    let peer = Client { address: "10.0.0.7".parse().unwrap(), secure: false };
    let mut headers = visitor::headers();
    let nobody = Trust::default();
    gauge.again("client/the peer", || identify(peer, &headers, &nobody));

    headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.9, 203.0.113.8, 10.0.0.9"));
    let networks = ["10.0.0.0/8", "203.0.113.0/24"].map(|network| network.parse().unwrap());
    let trust = Trust::new(networks.into(), ForwardingHeader::XForwardedFor);
    let found = identify(peer, &headers, &trust);
    assert_eq!(found.address.to_string(), "198.51.100.9");
    gauge.again("client/behind two proxies", || identify(peer, &headers, &trust));
}
