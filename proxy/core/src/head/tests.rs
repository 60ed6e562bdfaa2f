use http::HeaderValue;
use proptest::prelude::*;

use super::names::Names;
use super::*;
use crate::facts::Facts;
use crate::limits::{EDITS_MAX, HEAD_BYTES_MAX, HEAD_LINES_MAX};

fn request() -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.append("accept", HeaderValue::from_static("text/html"));
    headers.append("cookie", HeaderValue::from_static("a=1"));
    headers.append("cookie", HeaderValue::from_static("b=2"));
    RequestHead::new(Method::GET, "shop.example".into(), PathAndQuery::from_static("/a?b=c"), headers)
}

fn lines(headers: &Headers) -> Vec<(String, String)> {
    let mut lines: Vec<_> = headers
        .map()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    lines.sort();
    lines
}

#[test]
fn set_replaces_every_value_and_add_keeps_them() {
    let mut head = request();
    head.headers.edit(&Edit::Set("Cookie", b"c=3"), &mut Journal::default()).unwrap();
    head.headers.edit(&Edit::Add("accept", b"text/plain"), &mut Journal::default()).unwrap();
    head.headers.edit(&Edit::Remove("x-none"), &mut Journal::default()).unwrap();
    assert_eq!(head.headers.map().get_all("cookie").iter().count(), 1);
    assert_eq!(head.headers.map().get_all("accept").iter().count(), 2);
}

#[test]
fn what_frames_the_message_is_reserved() {
    let mut head = request();
    for name in RESERVED {
        assert_eq!(
            head.headers.edit(&Edit::Set(name, b"x"), &mut Journal::default()),
            Err(Refusal::Reserved),
            "{name}"
        );
        assert_eq!(
            head.headers.edit(&Edit::Remove(&name.to_uppercase()), &mut Journal::default()),
            Err(Refusal::Reserved),
            "{name}"
        );
    }
}

#[test]
fn illegal_names_and_values_are_refused() {
    let mut head = request();
    for name in ["", "a b", "a:", "é", "a\r\nb"] {
        assert_eq!(
            head.headers.edit(&Edit::Set(name, b"x"), &mut Journal::default()),
            Err(Refusal::Malformed),
            "{name:?}"
        );
    }
    for value in [&b"a\r\nb: c"[..], b"\0", b"\n"] {
        assert_eq!(
            head.headers.edit(&Edit::Set("a", value), &mut Journal::default()),
            Err(Refusal::Malformed)
        );
    }
}

#[test]
fn a_head_grows_to_its_limit_and_not_past_it() {
    let mut head = RequestHead::new(Method::GET, "".into(), PathAndQuery::from_static("/"), HeaderMap::new());
    let value = vec![b'x'; HEAD_BYTES_MAX - 1];
    head.headers.edit(&Edit::Set("a", &value), &mut Journal::default()).unwrap();
    assert_eq!(head.headers.edit(&Edit::Add("b", b""), &mut Journal::default()), Err(Refusal::TooLarge));
    head.headers.edit(&Edit::Set("a", b"small again"), &mut Journal::default()).unwrap();
    head.headers.edit(&Edit::Add("b", b""), &mut Journal::default()).unwrap();
}

#[test]
fn there_are_only_so_many_lines() {
    let mut head = RequestHead::new(Method::GET, "".into(), PathAndQuery::from_static("/"), HeaderMap::new());
    for _ in 0..HEAD_LINES_MAX {
        head.headers.edit(&Edit::Add("a", b"x"), &mut Journal::default()).unwrap();
    }
    assert_eq!(head.headers.edit(&Edit::Add("a", b"x"), &mut Journal::default()), Err(Refusal::TooLarge));
    assert_eq!(head.headers.edit(&Edit::Set("b", b"x"), &mut Journal::default()), Err(Refusal::TooLarge));
    head.headers.edit(&Edit::Set("a", b"one"), &mut Journal::default()).unwrap();
}

#[test]
fn a_call_makes_only_so_many_edits() {
    let (mut head, mut journal) = (request(), Journal::default());
    for n in 0..EDITS_MAX {
        let edit = if n % 2 == 0 { Edit::Set("a", b"x") } else { Edit::Remove("a") };
        head.headers.edit(&edit, &mut journal).unwrap();
    }
    assert_eq!(head.headers.edit(&Edit::Set("a", b"x"), &mut journal), Err(Refusal::TooLarge));
    assert_eq!(apply_to(&mut head.headers, &mut journal, [Edit::Set("a", b"x")]), Err(Refusal::TooLarge));
    journal.commit();
    head.headers.edit(&Edit::Set("a", b"in the next call"), &mut journal).unwrap();
}

#[test]
fn targets_begin_with_a_slash_and_stay_on_one_line() {
    let mut head = request();
    for target in ["", "a", "*", "http://other.example/", "/a b", "/a\r\nx", "/é", "/a#b", "//other.example/"]
    {
        assert_eq!(head.set_target(target), Err(Refusal::Malformed), "{target:?}");
    }
    // No route would have been chosen for these, so no filter may make them up either.
    for target in ["/..", "/a/%2e%2e/b", "/a/..;x/b", "/a%2F../b?c"] {
        assert_eq!(head.set_target(target), Err(Refusal::Malformed), "{target:?}");
    }
    head.set_target("/new?x=%20/../").unwrap();
    assert_eq!((head.path(), head.query()), ("/new", Some("x=%20/../")));
    assert_eq!(head.set_target(&format!("/{}", "x".repeat(TARGET_MAX))), Err(Refusal::TooLarge));
}

#[test]
fn a_status_is_final_and_keeps_the_body() {
    let mut head = ResponseHead::new(StatusCode::OK, HeaderMap::new());
    for status in [0, 100, 101, 199, 204, 304, 600, 999] {
        assert_eq!(head.set_status(status), Err(Refusal::Malformed), "{status}");
    }
    head.set_status(503).unwrap();
    head.rollback(&mut Journal::default());
    assert_eq!(head.status, StatusCode::OK);
}

#[test]
fn names_are_removed_by_what_they_are_like() {
    let left = |pattern: &str| {
        let names = ["host", "x-internal-debug", "x-internal", "x-a-b-c", "accept"];
        let mut headers = Headers::new(
            names.into_iter().map(|name| (name.parse().unwrap(), "v".parse().unwrap())).collect(),
        );
        headers.edit(&Edit::RemoveLike(pattern), &mut Journal::default()).unwrap();
        let mut left: Vec<_> = headers.map().keys().map(ToString::to_string).collect();
        left.sort();
        left.join(" ")
    };
    assert_eq!(left("x-internal-*"), "accept host x-a-b-c x-internal");
    assert_eq!(left("X-*"), "accept host");
    assert_eq!(left("*-b*"), "accept host x-internal x-internal-debug");
    assert_eq!(left("x*a*c"), "accept host x-internal x-internal-debug");
    assert_eq!(left("*"), "host", "what the proxy keeps to itself stays");
    assert_eq!(left("accept"), "host x-a-b-c x-internal x-internal-debug");
    assert_eq!(left("x-internal-debug*debug"), "accept host x-a-b-c x-internal x-internal-debug");
    assert_eq!(
        Headers::default().edit(&Edit::RemoveLike(""), &mut Journal::default()),
        Err(Refusal::Malformed)
    );
    assert_eq!(
        Headers::default().edit(&Edit::RemoveLike("x y*"), &mut Journal::default()),
        Err(Refusal::Malformed)
    );
}

fn apply_to<'a>(
    headers: &mut Headers,
    journal: &mut Journal,
    edits: impl IntoIterator<Item = Edit<'a>>,
) -> Result<(), Refusal> {
    let changes = edits.into_iter().map(|edit| Ok::<_, std::convert::Infallible>(Change::Line(edit)));
    let Ok(applied) = apply(headers, &mut Facts::default(), journal, changes);
    applied
}

#[test]
fn lines_and_facts_are_changed_together_or_not_at_all() {
    let mut head = request();
    let (mut facts, mut journal) = (Facts::default(), Journal::default());
    let before = lines(&head.headers);
    let mut change = |head: &mut RequestHead, facts: &mut Facts, changes: &[Change<'_>]| {
        let changes = changes.iter().cloned().map(Ok::<_, &str>);
        apply(&mut head.headers, facts, &mut journal, changes).unwrap()
    };
    let (line, fact) = (Change::Line(Edit::Set("x-a", b"1")), Change::Fact("a", "1"));
    for refused in [Change::Line(Edit::Set("host", b"x")), Change::Fact("A", "x")] {
        let changes = [line.clone(), fact.clone(), refused];
        assert!(change(&mut head, &mut facts, &changes).is_err());
        assert_eq!((lines(&head.headers), facts.is_empty()), (before.clone(), true));
    }
    let many = vec![fact.clone(); EDITS_MAX + 1];
    assert_eq!(change(&mut head, &mut facts, &many), Err(Refusal::TooLarge));
    assert!(facts.is_empty());
    assert_eq!(change(&mut head, &mut facts, &[line, fact]), Ok(()));
    assert_eq!((head.headers.get("x-a").is_some(), facts.get("a")), (true, Some("1")));

    let mut changes = [Ok(Change::Fact("b", "1")), Err("no change")].into_iter();
    let cut = apply(&mut head.headers, &mut facts, &mut Journal::default(), &mut changes);
    assert_eq!(cut, Err("no change"));
}

#[test]
fn a_name_that_is_known_is_the_same_name() {
    let mut names = Names::default();
    let mut check = |name: &str| names.editable(name).map(|named| names.get(&named).unwrap().to_string());
    for _ in 0..2 {
        assert_eq!(check("x-a").unwrap(), "x-a");
        assert_eq!(check("X-A").unwrap(), "x-a");
        assert_eq!(check("host"), Err(Refusal::Reserved));
        assert_eq!(check("x a"), Err(Refusal::Malformed));
    }
    for n in 0..100 {
        assert_eq!(check(&format!("x-{n}")).unwrap(), format!("x-{n}"));
    }
}

fn any_edit() -> impl Strategy<Value = (u8, String, Vec<u8>)> {
    let name = prop_oneof!["[a-c]", "cookie|accept", "host", "x y", "[a-c]\\*", "\\*"];
    (0..4u8, name, (0..6000usize).prop_map(|length| vec![b'x'; length]))
}

fn as_edit((kind, name, value): &(u8, String, Vec<u8>)) -> Edit<'_> {
    match kind {
        0 => Edit::Set(name, value),
        1 => Edit::Add(name, value),
        2 => Edit::Remove(name),
        _ => Edit::RemoveLike(name),
    }
}

proptest! {
    #[test]
    fn a_fault_leaves_no_trace(edits in proptest::collection::vec(any_edit(), 0..40)) {
        let (mut head, mut journal) = (request(), Journal::default());
        let before = lines(&head.headers);
        for edit in &edits {
            let _refused_or_not = head.headers.edit(&as_edit(edit), &mut journal);
        }
        let _refused_or_not = head.set_target("/elsewhere");
        head.rollback(&mut journal);
        prop_assert_eq!(lines(&head.headers), before);
        prop_assert_eq!(head.path(), "/a");
    }

    #[test]
    fn apply_makes_all_edits_or_none(edits in proptest::collection::vec(any_edit(), 0..12)) {
        let (mut whole, mut single) = (request(), request());
        let before = lines(&whole.headers);
        let applied = apply_to(&mut whole.headers, &mut Journal::default(), edits.iter().map(as_edit));
        let first_refusal = edits.iter().map(|edit| single.headers.edit(&as_edit(edit), &mut Journal::default())).find_map(Result::err);
        if applied.is_ok() {
            prop_assert_eq!(lines(&whole.headers), lines(&single.headers));
            prop_assert_eq!(first_refusal, None);
        } else {
            prop_assert_eq!(lines(&whole.headers), before);
        }
    }

    #[test]
    fn edits_never_pass_the_limits(edits in proptest::collection::vec(any_edit(), 0..60)) {
        let (mut head, mut journal) = (request(), Journal::default());
        for edit in &edits {
            let _refused_or_not = head.headers.edit(&as_edit(edit), &mut journal);
            let bytes: usize = head.headers.map().iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
            prop_assert!(bytes <= HEAD_BYTES_MAX);
            prop_assert!(head.headers.map().len() <= HEAD_LINES_MAX);
        }
    }
}
