use edgeloom_sdk::testing::{self, Verdict};

use super::*;

fn get() -> Request {
    Request::get("https://shop.example/cart?a=1")
        .from("198.51.100.7")
        .with_id("exchange-1")
        .with_fact("geo.country", "SE")
        .with_header("user-agent", "curl")
        .with_header("cookie", "plan=gold")
        .with_header("X-Internal-A", "1")
        .with_header("x-internal-b", "2")
        .with_header("accept", "a")
        .with_header("accept", "b")
}

/// Both heads after the filter, and what it remembered in between.
fn exchange(settings: &str, request: Request, response: Response) -> (Request, Response, Vec<u8>) {
    let filter = Headers::from_yaml(settings).unwrap();
    let (mut request, mut response) = (request, response);
    let Verdict::Proceed(memo) = testing::on_request(&filter, &mut request).unwrap() else {
        panic!("an answer")
    };
    testing::on_response(&filter, &mut response, &memo).unwrap();
    (request, response, memo)
}

fn line(headers: Vec<(edgeloom_sdk::HeaderName, Vec<u8>)>, name: &str) -> Option<String> {
    let values = headers.into_iter().filter(|(known, _)| known == name);
    let values: Vec<_> = values.map(|(_, value)| String::from_utf8(value).unwrap()).collect();
    (!values.is_empty()).then(|| values.join(" | "))
}

#[track_caller]
fn request(rules: &str, expected: &[(&str, Option<&str>)]) {
    let (request, ..) = exchange(&format!("{{ request: {rules} }}"), get(), Response::new(200));
    for (name, value) in expected {
        assert_eq!(line(request.headers(), name).as_deref(), *value, "{rules} {name}");
    }
}

#[test]
fn headers_are_removed_by_name_and_by_wildcard() {
    request(
        "{ remove: [user-agent, X-Internal-*] }",
        &[("user-agent", None), ("x-internal-a", None), ("x-internal-b", None), ("accept", Some("a | b"))],
    );
    // What the proxy keeps to itself is not meant by a wildcard.
    request("{ remove: '*' }", &[("accept", None), ("host", Some("shop.example"))]);
}

#[test]
fn headers_are_renamed_with_all_their_values() {
    request(
        "{ rename: { accept: x-accept, x-missing: user-agent } }",
        &[("accept", None), ("x-accept", Some("a | b")), ("user-agent", Some("curl"))],
    );
}

#[test]
fn headers_are_set_added_and_appended() {
    request(
        "{ set: { user-agent: edge, x-new: [a, b] }, add: { x-internal-a: ['2', '3'] },
           append: { accept: [c, d], via-edge: one }, default: { x-internal-b: unused, x-default: used } }",
        &[
            ("user-agent", Some("edge")),
            ("x-new", Some("a | b")),
            ("x-internal-a", Some("1 | 2 | 3")),
            ("accept", Some("a, b, c, d")),
            ("via-edge", Some("one")),
            ("x-internal-b", Some("2")),
            ("x-default", Some("used")),
        ],
    );
}

#[test]
fn what_is_removed_is_not_appended_to() {
    request(
        "{ remove: [accept, x-*], append: { accept: c }, default: { x-internal-a: d } }",
        &[("accept", Some("c")), ("x-internal-a", Some("d")), ("x-internal-b", None)],
    );
}

#[test]
fn placeholders_are_of_the_exchange() {
    request(
        "{ set: { x-a: '${client.ip} ${client.scheme} ${request.id} ${request.method} ${request.host}',
                  x-b: '${request.path}?${request.query} ${header.user-agent} ${cookie.plan} ${query.a}',
                  x-c: '${geo.country} ${fact.geo.country} ${geo.city:-nowhere}',
                  user-agent: '${header.missing}' } }",
        &[
            ("x-a", Some("198.51.100.7 https exchange-1 GET shop.example")),
            ("x-b", Some("/cart?a=1 curl gold 1")),
            ("x-c", Some("SE SE nowhere")),
            // Nothing to send, and nothing for a client to pretend.
            ("user-agent", None),
        ],
    );
}

#[test]
fn the_response_knows_the_request() {
    let settings = "{ response: { set: {
        x-who: '${client.ip} ${header.user-agent} ${header.missing:-none}',
        x-where: '${geo.country}',
        x-what: '${response.status} ${response.header.content-type}' }, remove: [server] } }";
    let upstream = Response::new(404).with_header("content-type", "text/html").with_header("server", "x");
    let (_, response, _) = exchange(settings, get(), upstream.with_fact("geo.country", "SE"));
    assert_eq!(response.header_str("x-who").as_deref(), Some("198.51.100.7 curl none"));
    assert_eq!(response.header_str("x-where").as_deref(), Some("SE"));
    assert_eq!(response.header_str("x-what").as_deref(), Some("404 text/html"));
    assert_eq!(response.header("server"), None);
}

#[test]
fn what_is_too_long_counts_as_missing() {
    let long = || get().with_header("x-long", "x".repeat(1025));
    let once = "{ set: { x-a: '${header.x-long:-long}', x-b: '${header.user-agent}' } }";
    let twice = "{ set: { x-a: '${header.x-long:-long}', x-b: '${header.user-agent}', x-c: '${header.x-long:-long}' } }";
    for (rules, filled) in [(once, "x".repeat(1025)), (twice, "long".to_owned())] {
        let (request, ..) = exchange(&format!("{{ request: {rules} }}"), long(), Response::new(200));
        assert_eq!(request.header_str("x-a").as_deref(), Some(&*filled));
        assert_eq!(request.header_str("x-b").as_deref(), Some("curl"));
        let (_, response, memo) = exchange(&format!("{{ response: {rules} }}"), long(), Response::new(200));
        assert_eq!(response.header_str("x-a"), Some(filled));
        assert!(memo.len() < 2 * 1024);
    }
}

#[test]
fn no_client_sends_more_than_can_be_edited() {
    // As much as the proxy lets in: 100 lines, or 12 KiB.
    let rules = "{ request: { remove: [x-internal-*], rename: { x-a: x-a-much-longer-name-than-it-has-been-before },
        append: { x-list: 'a' }, set: { x-b: '${request.path}', x-c: '${request.path} ${header.x-large}' } } }";
    let many = |name: &str| {
        (0..99).fold(Request::get("http://x/"), |request, n| {
            request.with_header(name.replace('#', &n.to_string()), "v")
        })
    };
    for request in [
        many("x-internal-#"),
        many("x-a"),
        many("x-list"),
        Request::get(&["http://x/", &"p".repeat(8000)].concat()).with_header("x-large", "v".repeat(12_000)),
    ] {
        exchange(rules, request, Response::new(200));
    }
}

#[test]
fn a_side_without_rules_costs_nothing() {
    let (request, response, memo) =
        exchange("{ request: { set: { x-a: b } } }", Request::get("http://x/"), Response::new(200));
    assert_eq!((request.calls(), response.calls(), memo.len()), (1, 0, 0));
    let (request, response, memo) = exchange(
        "{ response: { set: { x-a: '${geo.country}' } } }",
        Request::get("http://x/"),
        Response::new(200),
    );
    assert_eq!((request.calls(), response.calls(), memo.len()), (0, 2, 2), "a memo, so that it is called");
    let (request, ..) = exchange(
        "{ request: { append: { x-a: b, x-b: c }, set: { x-c: '${cookie.a} ${cookie.b}' } } }",
        Request::get("http://x/"),
        Response::new(200),
    );
    assert_eq!(request.calls(), 4, "a cookie line, two headers to append to, one edit");
}

#[test]
fn responses_are_secured() {
    let secured = |settings: &str, url: &str, name: &str| {
        let upstream = Response::new(200)
            .with_header("x-frame-options", "ALLOWALL")
            .with_header("strict-transport-security", "max-age=1");
        line(exchange(settings, Request::get(url), upstream).1.headers(), name)
    };
    let https = "https://shop.example/";
    for (settings, name, value) in [
        ("{ security: {} }", "x-content-type-options", Some("nosniff")),
        ("{ security: {} }", "x-frame-options", Some("SAMEORIGIN")),
        ("{ security: {} }", "referrer-policy", Some("strict-origin-when-cross-origin")),
        ("{ security: {} }", "permissions-policy", Some("camera=(), geolocation=(), microphone=()")),
        ("{ security: {} }", "strict-transport-security", Some("max-age=31536000")),
        ("{ security: {} }", "content-security-policy", None),
        ("{ security: { preset: strict } }", "x-frame-options", Some("DENY")),
        (
            "{ security: { csp: \"default-src 'none'\" } }",
            "content-security-policy",
            Some("default-src 'none'"),
        ),
        ("{ security: { hsts: max-age=9 } }", "strict-transport-security", Some("max-age=9")),
        ("{ security: { except: [X-Frame-Options] } }", "x-frame-options", Some("ALLOWALL")),
        ("{ security: { keep: true } }", "x-frame-options", Some("ALLOWALL")),
        ("{ security: { keep: true } }", "x-content-type-options", Some("nosniff")),
        ("{ security: {}, response: { set: { x-frame-options: DENY } } }", "x-frame-options", Some("DENY")),
    ] {
        assert_eq!(secured(settings, https, name).as_deref(), value, "{settings} {name}");
    }
    assert_eq!(secured("{ security: {} }", "http://shop.example/", "strict-transport-security"), None);
}

#[test]
fn mistakes_are_told() {
    for (wrong, told) in [
        (
            "{ request: { set: { x: '${clint.ip}' } } }",
            "`request.set.x`: nothing is called `clint.ip`; there are ",
        ),
        (
            "{ request: { set: { x: '${response.status}' } } }",
            "what the response is, its request can not be told",
        ),
        ("{ request: { set: { host: x } } }", "`request.set.host`: the proxy keeps this header to itself"),
        ("{ request: { remove: [Host] } }", "`request.remove[0]`: the proxy keeps this header to itself"),
        ("{ request: { set: { x: a }, add: { x: b } } }", "`request`: `x` is written in more than one way"),
        (
            "{ request: { rename: { a: x }, append: { x: b } } }",
            "`request`: `x` is written in more than one way",
        ),
        (
            "{ response: { append: { set-cookie: a=b } } }",
            "`response`: cookies can not be joined with commas: `add` them",
        ),
        ("{ response: { set: { x: \"a\\nb\" } } }", "`response.set.x`: a header's value has no line breaks"),
        (
            "{ response: { set: { 'x y': a } } }",
            "`response.set.x y`: found the text `x y`, wanted the name of a header",
        ),
        (
            "{ security: { preset: loose } }",
            "`security.preset`: found the text `loose`, wanted `recommended` or `strict`",
        ),
        ("{ requests: {} }", "`requests`: no such setting; did you mean `request`?"),
    ] {
        let error = Headers::from_yaml(wrong).unwrap_err().to_string();
        assert!(error.starts_with(told), "{wrong}: {error}");
    }
}

#[test]
fn the_readme_is_right() {
    let examples = include_str!("../README.md").split("```yaml\n").skip(1);
    let examples = examples.map(|example| example.split("```").next().unwrap());
    assert_eq!(examples.inspect(|example| drop(Headers::from_yaml(example).unwrap())).count(), 3);
}
