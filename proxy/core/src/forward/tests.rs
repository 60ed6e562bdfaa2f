use super::*;
use crate::client::ForwardingHeader;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn get<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// Of a peer 10.0.0.1 on port 8080, who is trusted or not.
fn pass(headers: &mut HeaderMap, trusted: bool, forwarding: Forwarding) -> Vouched {
    let networks = if trusted { vec!["10.0.0.0/8".parse().unwrap()] } else { Vec::new() };
    let trust = Trust::new(networks, ForwardingHeader::XForwardedFor);
    let peer = Client { address: "10.0.0.1".parse().unwrap(), secure: false };
    let port = HeaderValue::from_static("8080");
    let mut drawn = 0;
    let sent = Survey::of(headers);
    vouch(headers, sent, peer, &trust, &forwarding, Some(&port), || {
        drawn += 1;
        drawn
    })
}

#[test]
fn a_stranger_is_not_believed() {
    let mut headers = headers(&[
        ("host", "shop.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-user", "root"),
        ("x_forwarded_for", "192.0.2.1"),
        ("x-request_id", "mine"),
        ("x-forward", "kept"),
        ("forwarded", "for=192.0.2.1"),
        ("x-request-id", "mine"),
    ]);
    let Vouched { client, id, trace } = pass(&mut headers, false, Forwarding::default());
    assert_eq!(client.address.to_string(), "10.0.0.1");
    assert_eq!(get(&headers, "x-forwarded-for"), Some("10.0.0.1"));
    assert_eq!(get(&headers, "x-forwarded-proto"), Some("http"));
    assert_eq!(get(&headers, "x-forwarded-host"), Some("shop.example"));
    assert_eq!(get(&headers, "x-forwarded-port"), Some("8080"));
    assert_eq!(get(&headers, "x-forwarded-user"), None);
    assert_eq!((get(&headers, "x_forwarded_for"), get(&headers, "x-request_id")), (None, None));
    assert_eq!(get(&headers, "x-forward"), Some("kept"));
    assert_eq!(get(&headers, "forwarded"), None);
    assert_eq!(get(&headers, "x-request-id"), Some(&*id));
    assert_eq!((&*id, trace), ("00000000000000010000000000000002", None));
}

/// What a trusted peer says of its client.
const SAID: [(&str, &str); 7] = [
    ("host", "inner.example"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-for", "10.0.0.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("forwarded", "for=192.0.2.1"),
    ("x-request-id", "abc-1"),
];

#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let mut headers = headers(&SAID);
    let Vouched { client, id, .. } = pass(&mut headers, true, Forwarding::default());
    assert_eq!((client.address.to_string(), client.secure), ("192.0.2.1".to_owned(), true));
    assert_eq!(get(&headers, "x-forwarded-for"), Some("192.0.2.1, 10.0.0.2, 10.0.0.1"));
    assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
    assert_eq!(get(&headers, "x-forwarded-proto"), Some("https"));
    assert_eq!(get(&headers, "x-forwarded-host"), Some("shop.example"));
    // It speaks of a connection that is not ours, and of no port.
    assert_eq!(get(&headers, "x-forwarded-port"), None);
    assert_eq!(
        get(&headers, "forwarded"),
        Some("for=192.0.2.1, for=10.0.0.1;host=\"inner.example\";proto=http")
    );
    assert_eq!((get(&headers, "x-request-id"), &*id), (Some("abc-1"), "abc-1"));
}

fn all(listed: Listed, single: Single, request_id: RequestId) -> Forwarding {
    Forwarding {
        x_forwarded_for: listed,
        x_forwarded_proto: single,
        x_forwarded_host: single,
        x_forwarded_port: single,
        forwarded: Some(listed),
        request_id,
        traceparent: Continued::Untouched,
    }
}

#[test]
fn what_is_set_stands_where_it_was_said() {
    let forwarding = all(Listed::Set, Single::Set, RequestId::Pass);
    let mut said = headers(&SAID);
    pass(&mut said, true, forwarding);
    assert_eq!(said.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["192.0.2.1", "10.0.0.2"]);
    assert_eq!(get(&said, "forwarded"), Some("for=192.0.2.1"));
    let mut silent = headers(&[("host", "a\"b:1")]);
    pass(&mut silent, true, forwarding);
    assert_eq!(get(&silent, "x-forwarded-for"), Some("10.0.0.1"));
    assert_eq!(get(&silent, "x-forwarded-port"), Some("8080"));
    assert_eq!(get(&silent, "forwarded"), Some("for=10.0.0.1;host=\"a\\\"b:1\";proto=http"));
}

#[test]
fn what_is_replaced_says_what_was_established() {
    let mut headers = headers(&SAID);
    let Vouched { id, .. } = pass(&mut headers, true, all(Listed::Replace, Single::Replace, RequestId::Make));
    assert_eq!(headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["192.0.2.1"]);
    assert_eq!(get(&headers, "x-forwarded-proto"), Some("https"));
    assert_eq!(get(&headers, "x-forwarded-host"), Some("inner.example"));
    assert_eq!(get(&headers, "x-forwarded-port"), Some("8080"));
    assert_eq!(get(&headers, "forwarded"), Some("for=192.0.2.1;host=\"inner.example\";proto=https"));
    assert_eq!((get(&headers, "x-request-id"), id.len()), (Some(&*id), 32));
}

#[test]
fn what_is_off_is_not_sent_whoever_said_it() {
    for trusted in [true, false] {
        let mut headers = headers(&SAID);
        headers.insert(X_FORWARDED_PORT, HeaderValue::from_static("443"));
        let Vouched { id, .. } = pass(&mut headers, trusted, all(Listed::Off, Single::Off, RequestId::Off));
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["host"], "{trusted}");
        assert_eq!(id.len(), 32);
    }
}

#[test]
fn an_identifier_unfit_for_a_log_line_is_replaced() {
    for sent in ["", "two words", "\"quoted\"", &"x".repeat(REQUEST_ID_MAX + 1)] {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(sent).unwrap());
        let Vouched { id, .. } = pass(&mut headers, true, Forwarding::default());
        assert_eq!((id.len(), get(&headers, "x-request-id")), (32, Some(&*id)), "{sent}");
    }
}

#[test]
fn addresses_are_written_as_they_are_read() {
    for address in ["0.0.0.0", "255.10.9.100", "::1", "fd00::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
        assert_eq!(text::of(text::Address::of(address.parse().unwrap()).as_bytes()), address);
    }
}

/// The `traceparent` and `tracestate` that go on, and the span that is remembered.
fn traced(continued: Continued, trusted: bool, sent: &[&'static str]) -> (String, bool) {
    let mut headers = headers(&[("tracestate", "a=1")]);
    for parent in sent {
        headers.append("traceparent", HeaderValue::from_static(parent));
    }
    let forwarding =
        Forwarding { traceparent: continued, request_id: RequestId::Off, ..Forwarding::default() };
    let trace = pass(&mut headers, trusted, forwarding).trace.unwrap();
    let parent = get(&headers, "traceparent").unwrap();
    assert_eq!(headers.get_all("traceparent").iter().count(), 1);
    assert!(parent.starts_with(&format!("00-{}-{}-", trace.id(), trace.span())), "{parent}");
    (parent.to_owned(), headers.contains_key("tracestate"))
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const FRESH: &str = "00-00000000000000040000000000000005-0000000000000003-01";

#[test]
fn a_trace_goes_on_with_a_span_of_ours() {
    let ours = "00-0af7651916cd43dd8448eb211c80319c-0000000000000003-01";
    for (continued, trusted) in
        [(Continued::Trusted, true), (Continued::Everybodys, true), (Continued::Everybodys, false)]
    {
        assert_eq!(traced(continued, trusted, &[PARENT]), (ours.to_owned(), true));
    }
    // What later versions add is not for us; flags that are not defined are zero.
    let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-the-future-holds";
    assert_eq!(traced(Continued::Trusted, true, &[later]).0, ours);
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02";
    assert!(traced(Continued::Trusted, true, &[unsampled]).0.ends_with("-00"));
}

#[test]
fn a_trace_that_is_not_continued_is_begun() {
    for (continued, trusted) in
        [(Continued::Trusted, false), (Continued::Nobodys, true), (Continued::Nobodys, false)]
    {
        assert_eq!(traced(continued, trusted, &[PARENT]), (FRESH.to_owned(), false));
    }
}

#[test]
fn a_malformed_traceparent_is_as_good_as_none() {
    for sent in [
        &[][..],
        &[PARENT, PARENT],
        &[""],
        &["00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"],
        &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
        &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
        &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"],
        &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"],
        &["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more"],
        &["00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331-0102"],
        &["0-00af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-g1"],
    ] {
        assert_eq!(traced(Continued::Everybodys, true, sent), (FRESH.to_owned(), false), "{sent:?}");
    }
}

#[test]
fn where_the_edge_takes_no_part_traces_pass_as_they_came() {
    let mut headers = headers(&[("traceparent", "whatever"), ("tracestate", "a=1")]);
    assert_eq!(pass(&mut headers, false, Forwarding::default()).trace, None);
    assert_eq!((get(&headers, "traceparent"), get(&headers, "tracestate")), (Some("whatever"), Some("a=1")));
}
