use super::*;
use crate::header;

#[test]
fn a_request_is_what_its_url_says() {
    let request = Request::get("https://Shop.example:8443/a/b?c=d?e");
    assert_eq!(request.host(), "shop.example");
    assert_eq!(request.path(), "/a/b");
    assert_eq!(request.query().as_deref(), Some("c=d?e"));
    assert_eq!(request.target(), "/a/b?c=d?e");
    assert!(request.client().secure);

    let request = Request::new("POST", "http://[::1]?x");
    assert_eq!(
        (request.method(), request.host(), request.path()),
        ("POST".into(), "[::1]".into(), "/".into())
    );
    assert_eq!(request.query().as_deref(), Some("x"));
    assert_eq!(request.target(), "/?x");
    assert!(!request.client().secure);
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    let request =
        Request::get("http://a.example/").with_header("cookie", "xid=1; id=2;q=\"3\" ; empty=; id=4");
    assert_eq!(request.cookie("id").as_deref(), Some("2"));
    assert_eq!(request.cookie("q").as_deref(), Some("3"));
    assert_eq!(request.cookie("empty").as_deref(), Some(""));
    assert_eq!(request.cookie("i"), None);
}

#[test]
fn cookies_of_several_lines_are_one() {
    let request = Request::get("http://a.example/").with_header("cookie", "a=1").with_header("cookie", "b=2");
    assert_eq!(request.header_str("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(request.cookie("b").as_deref(), Some("2"));
}

#[test]
fn calls_are_counted() {
    let mut request = Request::get("http://a.example/");
    request.apply(&Edits::new());
    assert_eq!(request.calls(), 0, "nothing to do is no call");
    request.apply(Edits::new().set(header!("x-a"), "1").set(header!("x-b"), "2"));
    let _ = request.path();
    assert_eq!(request.calls(), 2);
}

#[test]
fn edits_are_made_in_order() {
    let mut request = Request::get("http://a.example/").with_header("X-A", "1").with_header("x-a", "2");
    request.add_header(header!("x-b"), "1");
    request.apply(
        Edits::new().set(header!("x-a"), "3").add(header!("x-a"), b"4").remove(header!("x-b")).fact("f", "v"),
    );
    let values: Vec<_> =
        request.headers().into_iter().filter(|(name, _)| name == "x-a").map(|(_, value)| value).collect();
    assert_eq!(values, [b"3", b"4"]);
    assert_eq!(request.header("x-b"), None);
    assert_eq!(request.fact("f").as_deref(), Some("v"));
    assert_eq!(request.fault(), None);
}

#[test]
fn the_first_edit_that_is_refused_is_the_fault() {
    let mut request = Request::get("http://a.example/").granting(["north"]);
    request.set_header(header!("x-forwarded-for"), "1.2.3.4");
    request.route_to(&"south".parse().unwrap());
    assert_eq!(
        request.fault(),
        Some("could not set header `x-forwarded-for`: the proxy keeps this header to itself")
    );
    assert_eq!(request.header("x-forwarded-for"), None);
    assert_eq!(request.cluster(), None);
}

#[test]
fn a_refusal_that_was_asked_for_is_no_fault() {
    let mut request = Request::get("http://a.example/").granting(["north"]);
    assert_eq!(request.try_route_to(&"south".parse().unwrap()), Err(Refusal::NotGranted));
    assert_eq!(request.try_set_path("elsewhere"), Err(Refusal::Malformed));
    let mixed = request.try_apply(Edits::new().set(header!("x-a"), "1").set(header!("host"), "b.example"));
    assert_eq!(mixed, Err(Refusal::Reserved));
    assert_eq!(request.header("x-a"), None, "all or none");
    assert_eq!(request.fault(), None);
}
