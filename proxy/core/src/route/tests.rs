use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use super::*;
use crate::condition::ValuePattern;

/// `GET shop.example/a?b=c x-header: value`, in the words of a condition.
fn when(host: &str, path: &str) -> Condition {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Condition {
        hosts: words(host).iter().map(|host| host.parse().unwrap()).collect(),
        paths: path.split(" | ").filter(|path| !path.is_empty()).map(|path| path.parse().unwrap()).collect(),
        ..Condition::default()
    }
}

fn request(host: &str, target: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.insert("x-beta", HeaderValue::from_static("1"));
    let target = PathAndQuery::try_from(target).unwrap();
    RequestHead::new(Method::GET, host.into(), target, headers)
}

#[track_caller]
fn check(table: &RouteTable, host: &str, target: &str, route: Option<u32>) {
    assert_eq!(table.choose(&request(host, target)), route.map(RouteId), "{host}{target}");
}

/// Each of these takes precedence over those before it; of equals, what is declared earlier.
#[test]
fn precedence_is_in_this_order() {
    let beta = || vec![("x-beta".parse().unwrap(), ValuePattern::Present)];
    let query = || vec![("q".to_owned(), ValuePattern::Present)];
    let methods = || vec![Method::GET];
    let rising = [
        when("", "/*"),
        when("*", ""),
        Condition { query: query(), ..when("", "") },
        Condition { headers: beta(), ..when("", "") },
        Condition { headers: beta(), query: query(), ..when("", "") },
        Condition { methods: methods(), ..when("", "") },
        Condition { methods: methods(), headers: beta(), ..when("", "") },
        when("", "/a/*"),
        when("", "/a/b/*"),
        when("", "~ ."),
        when("", "/a"),
        when("*.example", ""),
        when("*.a.example", ""),
        when("a.example", ""),
        Condition { methods: methods(), headers: beta(), ..when("a.example", "/a") },
    ];
    let ids = (0..100).rev().map(RouteId);
    let rising = rising.iter().zip(ids);
    let rising = rising.map(|(when, id)| Precedence::new(when.hosts.first(), when.paths.first(), when, id));
    assert!(rising.is_sorted_by(|lower, higher| lower < higher));
}

#[test]
fn the_most_specific_host_wins_over_any_path() {
    let table = RouteTable::new(vec![
        when("", "/exact"),
        when("*", ""),
        when("*.example", "/exact"),
        when("*.shop.example", "/a/b/*"),
        when("www.shop.example", ""),
    ]);
    check(&table, "www.shop.example", "/exact", Some(4));
    check(&table, "WWW.shop.example", "/exact", Some(2)); // Heads have their host in lower case.
    check(&table, "x.shop.example", "/a/b", Some(3));
    check(&table, "x.shop.example", "/exact", Some(2));
    check(&table, "x.shop.example", "/other", Some(1));
    check(&table, "", "/exact", Some(0));
    check(&table, "www.shop.example.", "/", Some(4));
}

#[test]
fn then_the_most_specific_path() {
    let table = RouteTable::new(vec![
        when("", "/*"),
        when("", "/a/*"),
        when("", "/a/b/*"),
        when("", "~ ^/a/b/c[0-9]"),
        when("", "/a/b/c1"),
    ]);
    check(&table, "", "/a/b/c1", Some(4));
    check(&table, "", "/a/b/c2", Some(3));
    check(&table, "", "/a/b/c", Some(2));
    check(&table, "", "/a/b", Some(2));
    check(&table, "", "/a/b/", Some(2));
    check(&table, "", "/a/bb/c1", Some(1));
    check(&table, "", "/ab", Some(0));
    check(&table, "", "*", Some(0));
}

#[test]
fn then_what_asks_for_more() {
    let beta = || vec![("x-beta".parse().unwrap(), ValuePattern::Present)];
    let query = || vec![("q".to_owned(), ValuePattern::Present)];
    let a = || when("", "/a");
    let table = RouteTable::new(vec![
        a(),
        a(),
        Condition { query: query(), ..a() },
        Condition { headers: beta(), ..a() },
        Condition { methods: vec![Method::GET], ..a() },
        Condition { methods: vec![Method::GET], query: query(), ..a() },
        Condition { methods: vec![Method::HEAD], query: query(), headers: beta(), ..a() },
    ]);
    check(&table, "", "/a", Some(4));
    check(&table, "", "/a?q", Some(5));
    let table = RouteTable::new(vec![
        a(),
        a(),
        Condition { query: query(), ..a() },
        Condition { headers: beta(), ..a() },
    ]);
    check(&table, "", "/a?q", Some(3));
    let table = RouteTable::new(vec![a(), a(), Condition { query: query(), ..a() }]);
    check(&table, "", "/a?q", Some(2));
    check(&table, "", "/a", Some(0));
}

#[test]
fn a_route_counts_by_the_pattern_that_fits() {
    let table = RouteTable::new(vec![
        when("*.example a.example", "/* | /exact"),
        when("*.a.example b.example", "/b/*"),
    ]);
    check(&table, "a.example", "/b/c", Some(0));
    check(&table, "x.a.example", "/b/c", Some(1));
    check(&table, "x.a.example", "/c", Some(0));
    check(&table, "b.example", "/b", Some(1));
    check(&table, "b.example", "/exact", Some(0));
}

#[test]
fn other_spellings_take_the_same_route_and_dot_segments_none() {
    let table = RouteTable::new(vec![when("", ""), when("", "/admin/*")]);
    for target in
        ["/admin/x", "/%61dmin/x", "//admin/x", "/admin%2Fx", "/admin;v=1/x", "/admin\\x", "/admin/x?/../y"]
    {
        check(&table, "", target, Some(1));
    }
    for target in
        ["/public/../admin/x", "/admin/../public", "/public/%2e%2e/admin", "/public%2F..%2Fadmin", "/."]
    {
        check(&table, "", target, None);
    }
    check(&table, "", "/public", Some(0));
}

#[test]
fn no_route_is_an_answer() {
    check(&RouteTable::new(Vec::new()), "a.example", "/", None);
    check(&RouteTable::new(vec![when("a.example", "/a")]), "a.example", "/b", None);
}

#[test]
fn long_hosts_and_paths_are_looked_up_no_further_than_patterns_reach() {
    let table = RouteTable::new(vec![when("*.b.example", "/a/b/*"), when("*.b.example", "/*")]);
    let (host, path) = ("a.".repeat(20_000) + "b.example", "/a".repeat(20_000));
    check(&table, &host, &path, Some(1));
    check(&table, &host, &format!("/a/b{path}"), Some(0));
}
