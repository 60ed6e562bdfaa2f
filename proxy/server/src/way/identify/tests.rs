use edgeloom_core::client::ForwardingHeader;

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn trusting(network: &str) -> Trust {
    Trust::new(vec![network.parse().unwrap()], ForwardingHeader::XForwardedFor)
}

fn get<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn a_stranger_is_not_believed() {
    let mut headers = headers(&[
        ("host", "shop.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-user", "root"),
        ("x_forwarded_for", "192.0.2.1"),
        ("x-request_id", "mine"),
        ("x-forward", "kept"),
        ("forwarded", "for=192.0.2.1"),
        ("x-request-id", "mine"),
    ]);
    let (client, id) = vouch(&mut headers, Some("203.0.113.9:4711".parse().unwrap()), &Trust::default());
    assert_eq!(client.address.to_string(), "203.0.113.9");
    assert_eq!(get(&headers, "x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(get(&headers, "x-forwarded-proto"), Some("http"));
    assert_eq!(get(&headers, "x-forwarded-host"), Some("shop.example"));
    assert_eq!(get(&headers, "x-forwarded-user"), None);
    assert_eq!((get(&headers, "x_forwarded_for"), get(&headers, "x-request_id")), (None, None));
    assert_eq!(get(&headers, "x-forward"), Some("kept"));
    assert_eq!(get(&headers, "forwarded"), None);
    assert_eq!(get(&headers, "x-request-id"), Some(&*id));
    assert_eq!((id.len(), id.chars().all(|c| c.is_ascii_hexdigit())), (32, true));
}

#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let mut headers = headers(&[
        ("host", "inner.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("forwarded", "for=192.0.2.1"),
        ("x-request-id", "abc-1"),
    ]);
    let (client, id) = vouch(&mut headers, Some("10.0.0.1:4711".parse().unwrap()), &trusting("10.0.0.0/8"));
    assert_eq!(client.address.to_string(), "192.0.2.1");
    assert_eq!(get(&headers, "x-forwarded-for"), Some("192.0.2.1, 10.0.0.2, 10.0.0.1"));
    assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
    assert_eq!(get(&headers, "x-forwarded-proto"), Some("https"));
    assert_eq!(get(&headers, "x-forwarded-host"), Some("shop.example"));
    assert_eq!(get(&headers, "forwarded"), Some("for=192.0.2.1, for=10.0.0.1"));
    assert_eq!((get(&headers, "x-request-id"), &*id), (Some("abc-1"), "abc-1"));
}

#[test]
fn an_identifier_unfit_for_a_log_line_is_replaced() {
    for sent in ["", "two words", "\"quoted\"", &"x".repeat(REQUEST_ID_MAX + 1)] {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(sent).unwrap());
        let (_, id) = vouch(&mut headers, Some("10.0.0.1:1".parse().unwrap()), &trusting("10.0.0.0/8"));
        assert_eq!((id.len(), get(&headers, "x-request-id")), (32, Some(&*id)), "{sent}");
    }
}

#[test]
fn a_mapped_peer_is_an_ipv4_one() {
    let mut headers = HeaderMap::new();
    let (client, _) = vouch(&mut headers, Some("[::ffff:10.0.0.1]:1".parse().unwrap()), &Trust::default());
    assert_eq!(client.address.to_string(), "10.0.0.1");
    assert_eq!(get(&headers, "x-forwarded-for"), Some("10.0.0.1"));
}

#[test]
fn hosts_lose_their_port_and_their_case() {
    for (sent, host) in [
        ("Shop.Example", "shop.example"),
        ("shop.example:8080", "shop.example"),
        ("shop.example:", "shop.example"),
        ("[2001:DB8::1]:80", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("a:b", "a:b"),
        ("", ""),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(sent).unwrap());
        assert_eq!(&*host_of(&headers), host, "{sent}");
    }
    assert_eq!(&*host_of(&HeaderMap::new()), "");
}

#[test]
fn cookies_become_one_line() {
    let mut headers = headers(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
    join_cookies(&mut headers);
    assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
}

#[test]
fn the_authority_of_the_target_is_found() {
    let head = |target: &str| RequestHeader::build("GET", target.as_bytes(), None).unwrap();
    assert_eq!(authority(&head("/a")), None);
    assert_eq!(authority(&head("http://shop.example:81/a")).unwrap(), "shop.example:81");
    assert_eq!(authority(&head("*")), None);
}

#[test]
fn heads_have_their_limits() {
    let head = |target: &str, lines: usize, value: &str| {
        let mut head = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
        for n in 0..lines {
            head.append_header(format!("h{n}"), value).unwrap();
        }
        check(&head)
    };
    assert_eq!(head("/", REQUEST_HEAD_LINES_MAX, "x"), Ok(()));
    assert_eq!(head("/", REQUEST_HEAD_LINES_MAX + 1, "x"), Err(Failure::HeadTooLarge));
    assert_eq!(head("/", 1, &"x".repeat(REQUEST_HEAD_BYTES_MAX - 2)), Ok(()));
    assert_eq!(head("/", 1, &"x".repeat(REQUEST_HEAD_BYTES_MAX - 1)), Err(Failure::HeadTooLarge));
    assert_eq!(head(&"/".repeat(REQUEST_TARGET_MAX), 0, ""), Ok(()));
    assert_eq!(head(&"/".repeat(REQUEST_TARGET_MAX + 1), 0, ""), Err(Failure::TargetTooLong));
    let lossy = RequestHeader::build("GET", b"/\xff", None).unwrap();
    assert_eq!(check(&lossy), Err(Failure::Malformed));
}
