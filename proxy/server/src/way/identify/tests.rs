use edgeloom_core::units::Bytes;
use http::HeaderName;

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
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
    let limits =
        Limits { header_lines: 3, header_bytes: Bytes(1000), target: Bytes(100), ..Limits::default() };
    let head = |target: &str, lines: usize, value: &str| {
        let mut head = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
        for n in 0..lines {
            head.append_header(format!("h{n}"), value).unwrap();
        }
        check(&head, &head.headers, &limits).map(|_survey| ())
    };
    assert_eq!(head("/", 3, "x"), Ok(()));
    assert_eq!(head("/", 4, "x"), Err(Failure::HeadTooLarge));
    assert_eq!(head("/", 1, &"x".repeat(998)), Ok(()));
    assert_eq!(head("/", 1, &"x".repeat(999)), Err(Failure::HeadTooLarge));
    assert_eq!(head(&"/".repeat(100), 0, ""), Ok(()));
    assert_eq!(head(&"/".repeat(101), 0, ""), Err(Failure::TargetTooLong));
    let lossy = RequestHeader::build("GET", b"/\xff", None).unwrap();
    assert_eq!(check(&lossy, &lossy.headers, &limits), Err(Failure::Malformed));
}
