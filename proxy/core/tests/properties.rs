//! Laws of what core decides, for whatever requests and configurations there are.
#![expect(clippy::unwrap_used, reason = "a test may")]

use edgeloom_core::accept;
use edgeloom_core::condition::{Condition, ValuePattern};
use edgeloom_core::head::RequestHead;
use edgeloom_core::ids::RouteId;
use edgeloom_core::route::{Precedence, RouteTable};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const HOSTS: [&str; 7] = ["*", "a.b.c", "b.c", "c", "*.c", "*.b.c", "*.a.b.c"];
const PATHS: [&str; 12] =
    ["/*", "/", "/a", "/a/", "/a/*", "/a/b", "/a/b/*", "/b/*", "/b/a/b/*", "~ ^/a", "~ b$", "~ ^/[^/]+/a"];
const VALUES: [&str; 4] = ["*", "!", "1", "~ [12]"];

/// Few enough conditions each that several hold of one request.
fn any_condition() -> impl Strategy<Value = Condition> {
    let hosts = vec(select(&HOSTS[..]), 0..3);
    let paths = vec(select(&PATHS[..]), 0..3);
    let methods = vec(select(&[Method::GET, Method::POST][..]), 0..2);
    let values = || prop_oneof![Just(Vec::new()), vec((select(&["x", "y"][..]), select(&VALUES[..])), 0..3)];
    (hosts, paths, methods, values(), values()).prop_map(|(hosts, paths, methods, headers, query)| {
        Condition {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            paths: paths.iter().map(|path| path.parse().unwrap()).collect(),
            methods,
            headers: headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
                .collect(),
            query: query
                .iter()
                .map(|(name, value)| (name.to_string(), value.parse::<ValuePattern>().unwrap()))
                .collect(),
        }
    })
}

fn any_request() -> impl Strategy<Value = RequestHead> {
    let host = "([abc]\\.){0,3}c?\\.?";
    let path = "/([ab]/?|/|%61|%2F|;){0,5}\\.{0,2}|\\*";
    let query = "(\\?([xy](=[123])?&?){0,3})?";
    let headers = vec((select(&["x", "y"][..]), select(&["1", "2", "3"][..])), 0..3);
    (host, path, query, headers, any::<bool>()).prop_map(|(host, path, query, lines, post)| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        let target =
            PathAndQuery::try_from(format!("{path}{}", if path == "*" { "" } else { &query })).unwrap();
        RequestHead::new(if post { Method::POST } else { Method::GET }, host.into(), target, headers)
    })
}

/// The best way in which this condition holds, by trying every one.
fn precedence(condition: &Condition, id: RouteId, request: &RequestHead) -> Option<Precedence> {
    let hosts = condition.hosts.iter().filter(|host| host.matches(&request.host)).map(Some);
    let hosts = hosts.chain(condition.hosts.is_empty().then_some(None));
    let best = hosts.flat_map(|host| {
        let paths = condition.paths.iter().filter(|path| path.matches(request.path())).map(Some);
        let paths = paths.chain(condition.paths.is_empty().then_some(None));
        paths.map(move |path| Precedence::new(host, path, condition, id))
    });
    best.max().filter(|_| condition.holds(request))
}

fn ids() -> impl Iterator<Item = RouteId> {
    (0..).map(RouteId)
}

fn has_dot_segment(request: &RequestHead) -> bool {
    !"/*".parse::<edgeloom_core::condition::PathPattern>().unwrap().matches(request.path())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_chosen_route_is_the_one_of_greatest_precedence(conditions in vec(any_condition(), 0..12), request in any_request()) {
        let naive = ids().zip(&conditions).filter_map(|(id, condition)| precedence(condition, id, &request)).max();
        let naive = naive.filter(|_| !has_dot_segment(&request));
        prop_assert_eq!(RouteTable::new(conditions).choose(&request), naive.map(|best| best.route()));
    }

    /// Declaration breaks ties and decides nothing else.
    #[test]
    fn the_order_of_declaration_decides_ties_only(
        conditions in vec(any_condition(), 1..12),
        swaps in vec((any::<Index>(), any::<Index>()), 0..12),
        request in any_request(),
    ) {
        let mut shuffled = conditions.clone();
        for (a, b) in swaps {
            shuffled.swap(a.index(conditions.len()), b.index(conditions.len()));
        }
        let rank = |conditions: &[Condition]| {
            let id = RouteTable::new(conditions.to_vec()).choose(&request)?;
            precedence(&conditions[id.index()], RouteId(0), &request)
        };
        prop_assert_eq!(rank(&conditions), rank(&shuffled));
    }

    #[test]
    fn no_two_routes_are_equally_specific(conditions in vec(any_condition(), 2..6), request in any_request()) {
        let mut all: Vec<_> = ids().zip(&conditions).filter_map(|(id, condition)| precedence(condition, id, &request)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), count);
    }

    #[test]
    fn a_chosen_route_holds_and_where_none_is_chosen_none_holds(conditions in vec(any_condition(), 0..12), request in any_request()) {
        let chosen = RouteTable::new(conditions.clone()).choose(&request);
        match chosen {
            Some(id) => prop_assert!(conditions[id.index()].holds(&request)),
            None => prop_assert!(has_dot_segment(&request) || !conditions.iter().any(|condition| condition.holds(&request))),
        }
    }

    #[test]
    fn whatever_a_client_accepts_is_weighed(accept in "[ -~]{0,60}", q in 0..=1000_u16) {
        let headers = |text: &str| HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_str(text).unwrap())]);
        let weighed = accept::media(&headers(&accept), ["text/html", "application/json"]);
        prop_assert!(weighed.iter().all(|quality| *quality <= accept::WANTED));
        // An entry that is well-formed counts, whatever stands before it, unless a quoted text swallows it.
        if !accept.contains(['"', '/', '\\']) {
            let text = format!("{accept},text/html;q={}.{:03}", q / 1000, q % 1000);
            prop_assert_eq!(accept::media(&headers(&text), ["text/html"]), [q]);
        }
    }

    #[test]
    fn what_is_accepted_does_not_depend_on_the_order_of_codings(
        codings in proptest::sample::subsequence(vec!["gzip", "br", "zstd;q=0.5", "*;q=0.1", "identity;q=0"], 0..=5).prop_shuffle(),
    ) {
        let headers = |codings: &[&str]| {
            HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, HeaderValue::from_str(&codings.join(", ")).unwrap())])
        };
        let mut sorted = codings.clone();
        sorted.sort_unstable();
        let offers = ["zstd", "br", "gzip", "identity"];
        prop_assert_eq!(accept::codings(&headers(&codings), offers), accept::codings(&headers(&sorted), offers));
    }
}
