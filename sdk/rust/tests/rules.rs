//! The rules by which `testing` refuses edits are the proxy's own.
#![cfg(not(target_arch = "wasm32"))]

use edgeloom_core::facts::Facts;
use edgeloom_core::head::{self, Change, Edit, Headers, Journal, RESERVED, RequestHead, ResponseHead};
use edgeloom_core::limits::{
    EDITS_MAX, FACT_NAME_MAX, FACT_VALUE_MAX, FACTS_MAX, HEAD_BYTES_MAX, HEAD_LINES_MAX, TARGET_MAX,
};
use edgeloom_sdk::{Edits, HeaderName, Refusal, Request, Response};
use http::{HeaderMap, Method, StatusCode};

fn outcome(proxy: Result<(), head::Refusal>) -> Result<(), Refusal> {
    proxy.map_err(|refusal| match refusal {
        head::Refusal::Malformed => Refusal::Malformed,
        head::Refusal::Reserved => Refusal::Reserved,
        head::Refusal::TooLarge => Refusal::TooLarge,
        head::Refusal::NotGranted => Refusal::NotGranted,
    })
}

fn applied<'a>(headers: &mut Headers, edits: impl Iterator<Item = Edit<'a>>) -> Result<(), head::Refusal> {
    let changes = edits.map(|edit| Ok::<_, std::convert::Infallible>(Change::Line(edit)));
    let Ok(applied) = head::apply(headers, &mut Facts::default(), &mut Journal::default(), changes);
    applied
}

#[test]
fn the_same_headers_are_reserved() {
    for name in
        RESERVED.into_iter().chain(["x-bucket", "cookie", "set-cookie", "content-type", "x_odd.but~legal"])
    {
        let name = HeaderName::new(name).unwrap();
        let mut headers = Headers::default();
        let mut request = Request::get("http://a.example/");
        let proxy = outcome(headers.edit(&Edit::Set(&name, b"1"), &mut Journal::default()));
        assert_eq!(request.try_apply(Edits::new().set(&name, "1")), proxy, "{name}");
        assert_eq!(name.is_reserved(), proxy == Err(Refusal::Reserved), "{name}");
    }
}

#[test]
fn the_same_names_are_like_a_pattern() {
    let names = ["x-a", "x-b", "x-a-b", "accept", "host", "x-forwarded-for"];
    for pattern in ["x-*", "*", "*-b", "x*a*b", "X-A", "x-a", "", "x y*", "x-\u{e9}*", "**", "a*b*c"] {
        let mut headers = Headers::default();
        let mut response = Response::new(200);
        for name in names {
            headers.map_mut().append(name, "v".parse().unwrap());
            response = response.with_header(name, "v");
        }
        let proxy = outcome(headers.edit(&Edit::RemoveLike(pattern), &mut Journal::default()));
        assert_eq!(response.try_apply(Edits::new().remove_like(pattern)), proxy, "{pattern}");
        let mut left: Vec<_> = response.headers().into_iter().map(|(name, _)| name.to_string()).collect();
        let mut expected: Vec<_> = headers.map().keys().map(ToString::to_string).collect();
        left.sort();
        expected.sort();
        assert_eq!(left, expected, "{pattern}");
    }
}

#[test]
fn the_same_values_are_legal() {
    let name = HeaderName::new("x-a").unwrap();
    let mut values: Vec<Vec<u8>> = (0..=255).map(|byte| vec![b'a', byte, b'z']).collect();
    values.extend([
        vec![],
        vec![b'x'; HEAD_BYTES_MAX - 100],
        vec![b'x'; HEAD_BYTES_MAX],
        vec![b'x'; HEAD_BYTES_MAX + 1],
    ]);
    for value in &values {
        let mut headers = Headers::default();
        let mut response = Response::new(200);
        let proxy = outcome(headers.edit(&Edit::Add(&name, value), &mut Journal::default()));
        assert_eq!(response.try_apply(Edits::new().add(&name, value)), proxy, "{:?}", value.get(..3));
    }
}

#[test]
fn a_head_may_grow_as_far() {
    let name = HeaderName::new("x-a").unwrap();
    let mut headers = Headers::default();
    let mut response = Response::new(200);
    for line in 0..HEAD_LINES_MAX + 2 {
        let proxy = outcome(headers.edit(&Edit::Add(&name, b"1"), &mut Journal::default()));
        assert_eq!(response.try_apply(Edits::new().add(&name, "1")), proxy, "line {line}");
    }
    assert_eq!(response.headers().len(), headers.map().len());

    for count in [EDITS_MAX, EDITS_MAX + 1] {
        let mut edits = Edits::new();
        (0..count).for_each(|_| {
            edits.set(&name, "1");
        });
        let proxy = outcome(applied(&mut Headers::default(), (0..count).map(|_| Edit::Set(&name, b"1"))));
        assert_eq!(Response::new(200).try_apply(&edits), proxy, "{count} edits");
    }
}

#[test]
fn the_same_paths_may_be_set() {
    let long = |length: usize| format!("/{}", "x".repeat(length - 1));
    let mut targets: Vec<String> = (0..=127_u8).map(|byte| format!("/a{}z?b", char::from(byte))).collect();
    targets.extend((0..=127_u8).map(|byte| format!("/a?b{}", char::from(byte))));
    targets.extend(
        [
            "/..",
            "/a/./b",
            "/.well-known",
            "/a/%2E%2e/b",
            "/a;x/..;y/b",
            "/a%2f..",
            "/a\\..",
            "/a%5C.",
            "/...",
            "/?/../",
        ]
        .map(str::to_owned),
    );
    targets.extend(["", "/", "a", "*", "//a", "/å", "http://a.example/", "/?", "/%zz"].map(str::to_owned));
    targets.extend([long(TARGET_MAX), long(TARGET_MAX + 1)]);
    for target in &targets {
        let mut head =
            RequestHead::new(Method::GET, "a.example".into(), "/".parse().unwrap(), HeaderMap::new());
        let mut request = Request::get("http://a.example/");
        assert_eq!(request.try_set_path(target), outcome(head.set_target(target)), "{target}");
    }
}

#[test]
fn the_same_statuses_may_be_set() {
    for before in [200, 204, 304, 404] {
        for after in [0, 100, 199, 200, 204, 304, 404, 599, 600, 999, u16::MAX] {
            let mut head = ResponseHead::new(StatusCode::from_u16(before).unwrap(), HeaderMap::new());
            let mut response = Response::new(before);
            response.set_status(after);
            assert_eq!(response.fault().is_none(), head.set_status(after).is_ok(), "{before} to {after}");
        }
    }
}

#[test]
fn the_same_facts_may_be_left() {
    let mut facts: Vec<(String, String)> =
        (0..=127_u8).map(|byte| (format!("a{}", char::from(byte)), "v".into())).collect();
    facts.extend((0..=127_u8).map(|byte| ("a".into(), format!("v{}", char::from(byte)))));
    facts.extend([0, FACT_NAME_MAX, FACT_NAME_MAX + 1].map(|length| ("a".repeat(length), "v".into())));
    facts.extend([0, FACT_VALUE_MAX, FACT_VALUE_MAX + 1].map(|length| ("a".into(), "v".repeat(length))));
    for (name, value) in &facts {
        let mut request = Request::get("http://a.example/");
        let proxy = outcome(Facts::default().set(name, value, &mut Journal::default()));
        assert_eq!(request.try_apply(Edits::new().fact(name, value)), proxy, "{name:?}: {value:?}");
    }

    let (mut proxy, mut journal) = (Facts::default(), Journal::default());
    let mut request = Request::get("http://a.example/");
    for fact in 0..FACTS_MAX + 2 {
        let name = format!("f{fact}");
        assert_eq!(
            request.try_apply(Edits::new().fact(&name, "v")),
            outcome(proxy.set(&name, "v", &mut journal)),
            "{name}"
        );
    }
}
