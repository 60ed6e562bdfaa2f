use edgeloom_sdk::testing::{self, Verdict};

use super::*;

const ONE: &str = "{ experiments: [{ name: checkout, variants: [{ name: control }, { name: green }] }] }";

fn filter(settings: &str) -> Ab {
    Ab::from_yaml(settings).unwrap()
}

fn get(target: &str) -> Request {
    Request::get(&["https://shop.example", target].concat())
}

/// What the upstream sees of an experiment, and the cookie that the client gets.
fn exchange(filter: &Ab, request: &mut Request) -> (Option<String>, Option<String>) {
    let verdict = testing::on_request(filter, request).unwrap();
    let Verdict::Proceed(memo) = verdict else { panic!("{verdict:?}") };
    let mut response = Response::new(200);
    testing::on_response(filter, &mut response, &memo).unwrap();
    assert_eq!(request.header_str("x-ab-checkout"), request.fact("ab.checkout"));
    (request.fact("ab.checkout"), response.header_str("set-cookie"))
}

/// The cookie as the browser sends it back.
fn sent_back(set_cookie: &str) -> &str {
    set_cookie.split(';').next().unwrap()
}

#[test]
fn a_new_visitor_gets_a_variant_and_keeps_it() {
    let filter = filter(ONE);
    let (variant, cookie) = exchange(&filter, &mut get("/").with_id("first"));
    let (variant, cookie) = (variant.unwrap(), cookie.unwrap());
    assert!(cookie.starts_with("ab="), "{cookie}");
    assert!(
        cookie.ends_with(&format!(
            "~checkout.{variant}; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly; Secure"
        )),
        "{cookie}"
    );

    for id in ["second", "third", "fourth"] {
        let mut request = get("/").with_id(id).with_header("cookie", sent_back(&cookie));
        assert_eq!(exchange(&filter, &mut request), (Some(variant.clone()), None));
    }
}

#[test]
fn new_visitors_are_shared_out() {
    let filter = filter(ONE);
    let green = (0..1000)
        .filter(|id| exchange(&filter, &mut get("/").with_id(&id.to_string())).0.as_deref() == Some("green"));
    assert!((430..570).contains(&green.count()));
}

#[test]
fn the_cookie_is_believed_as_far_as_it_makes_sense() {
    let filter = filter(ONE);
    for (cookie, variant) in [("ab=checkout.green", "green"), ("x=1; ab=\"checkout.control\"", "control")] {
        assert_eq!(
            exchange(&filter, &mut get("/").with_header("cookie", cookie)),
            (Some(variant.into()), None),
            "{cookie}"
        );
    }
    for cookie in ["ab=checkout.red", "ab=other.green", "ab=<b>", "ab=", "ab=~~~"] {
        let (variant, set) = exchange(&filter, &mut get("/").with_header("cookie", cookie));
        let known = format!("checkout.{}", variant.unwrap());
        let set = set.unwrap();
        assert!(sent_back(&set).ends_with(&known) && set.len() < 120, "{cookie}: {set}");
    }
}

#[test]
fn a_visitor_is_known_by_the_first_thing_there_is() {
    let settings = "{ visitor: [cookie.uid, header.x-user, client.network], sticky: false,
        experiments: [{ name: checkout, seed: feature-exp, variants: [{ name: a, weight: 0.3334 }, { name: b, weight: 0.3333 }, { name: c, weight: 0.3333 }] }] }";
    let filter = filter(settings);
    // GrowthBook puts `d123` at 0.6468 and `i123` at 0.9943.
    let uid = get("/").with_header("cookie", "uid=d123").with_header("x-user", "i123");
    assert_eq!(exchange(&filter, &mut uid.from("192.0.2.9")), (Some("b".into()), None));
    assert_eq!(exchange(&filter, &mut get("/").with_header("x-user", "i123")), (Some("c".into()), None));

    let at = |address: &str| exchange(&filter, &mut get("/").with_id(address).from(address)).0;
    assert_eq!(at("2001:db8:1:2:aaaa::1"), at("2001:db8:1:2:bbbb::2"));
}

#[test]
fn a_known_visitor_is_kept_in_a_variant_that_the_weights_would_not_give_any_more() {
    let before = filter(
        "{ visitor: header.x-user, experiments: [{ name: checkout, variants: [{ name: control }, { name: green }] }] }",
    );
    let after = filter(
        "{ visitor: header.x-user, experiments: [{ name: checkout, variants: [{ name: control }, { name: green, weight: 0 }] }] }",
    );
    let users = || (0..40).map(|user| get("/").with_header("x-user", user.to_string()));
    for mut request in users() {
        let (variant, cookie) = exchange(&before, &mut request);
        let cookie = cookie.unwrap();
        assert_eq!(exchange(&after, &mut request.with_header("cookie", sent_back(&cookie))).0, variant);
    }
    assert!(users().all(|mut request| exchange(&after, &mut request).0.as_deref() == Some("control")));
}

#[test]
fn outside_the_coverage_nobody_takes_part_and_stays_out() {
    let filter = filter(
        "{ experiments: [{ name: checkout, coverage: 0, variants: [{ name: control }, { name: green }] }] }",
    );
    let (variant, cookie) = exchange(&filter, &mut get("/").with_header("x-ab-checkout", "green"));
    assert_eq!(variant, None);
    let cookie = cookie.unwrap();
    // The visitor is kept, so that the next request is no second draw.
    assert!(sent_back(&cookie).len() == "ab=".len() + 16, "{cookie}");
    assert_eq!(exchange(&filter, &mut get("/").with_header("cookie", sent_back(&cookie))), (None, None));
}

#[test]
fn experiments_are_independent_and_share_the_cookie() {
    let filter = filter(
        "{ experiments: [
        { name: checkout, variants: [{ name: control }, { name: green }], when: { country: SE } },
        { name: banner, header: x-banner, variants: [{ name: a }, { name: b }], when: { path: /cart/* } }] }",
    );
    let mut request = get("/").with_fact("geo.country", "SE").with_header("x-banner", "spoofed");
    let (checkout, cookie) = exchange(&filter, &mut request);
    assert!(checkout.is_some());
    assert_eq!((request.fact("ab.banner"), request.header("x-banner")), (None, None));
    let cookie = cookie.unwrap();

    // From abroad the variant is kept, not applied.
    let mut request = get("/cart/1").with_fact("geo.country", "NO").with_header("cookie", sent_back(&cookie));
    let (abroad, both) = exchange(&filter, &mut request);
    assert_eq!(abroad, None);
    assert_eq!(request.fact("ab.banner"), request.header_str("x-banner"));
    let both = both.unwrap();
    assert!(both.starts_with(sent_back(&cookie)) && both.contains("~banner."), "{both}");
    assert_eq!(exchange(&filter, &mut get("/").with_header("cookie", sent_back(&both))), (None, None));
}

#[test]
fn testers_get_what_they_ask_for() {
    let filter = filter("{ experiments: [{ name: checkout, variants: [{ name: control, weight: 0 }, { name: green }], when: { country: SE } }],
        testers: { query: ab, header: x-ab-test, token: s3cret-token } }");
    let kept =
        |request: Request| request.with_header("cookie", "ab=checkout.green").with_fact("geo.country", "SE");
    for (request, variant) in [
        (kept(get("/?ab=s3cret-token~checkout.control")), "control"),
        (kept(get("/").with_header("x-ab-test", "s3cret-token~checkout.control")), "control"),
        (kept(get("/?ab=checkout.control")), "green"),
        (kept(get("/?ab=s3cret-tokem~checkout.control")), "green"),
        (kept(get("/?ab=s3cret-token-~checkout.control")), "green"),
        (kept(get("/?ab=s3cret-token~checkout.red")), "green"),
    ] {
        let mut request = request;
        assert_eq!(exchange(&filter, &mut request), (Some(variant.into()), None), "{request:?}");
        assert_eq!(request.header("x-ab-test"), None);
    }
    let abroad = exchange(&filter, &mut get("/?ab=s3cret-token~checkout.control"));
    assert_eq!(abroad, (Some("control".into()), None), "targeting is not for testers");
}

#[test]
fn a_sticky_tester_is_remembered() {
    let filter = filter(
        "{ experiments: [{ name: checkout, variants: [{ name: control }, { name: green }] }], testers: { query: ab, sticky: true } }",
    );
    let mut request = get("/?ab=checkout.control").with_header("cookie", "ab=checkout.green");
    let (variant, cookie) = exchange(&filter, &mut request);
    assert_eq!(variant.as_deref(), Some("control"));
    assert_eq!(sent_back(&cookie.unwrap()), "ab=checkout.control");
}

#[test]
fn caches_are_told_about_those_who_take_part() {
    let told = |caching: &str, country: &str, name: &str| {
        let filter = filter(&format!(
            "{{ caching: {caching}, experiments: [{{ name: checkout, variants: [{{ name: a }}], when: {{ country: SE }} }}] }}"
        ));
        let mut request = get("/").with_fact("geo.country", country).with_header("cookie", "ab=checkout.a");
        let Verdict::Proceed(memo) = testing::on_request(&filter, &mut request).unwrap() else {
            panic!("an answer")
        };
        let mut response = Response::new(200)
            .with_header("cache-control", "public, max-age=60")
            .with_header("vary", "accept");
        testing::on_response(&filter, &mut response, &memo).unwrap();
        let of_name = response.headers().into_iter().filter(|(known, _)| known == name);
        of_name.map(|(_, value)| String::from_utf8(value).unwrap()).collect::<Vec<_>>().join(" | ")
    };
    assert_eq!(told("private", "SE", "cache-control"), "private, max-age=60");
    assert_eq!(told("private", "NO", "cache-control"), "public, max-age=60");
    assert_eq!(told("vary", "SE", "vary"), "accept | cookie");
    assert_eq!(told("unchanged", "SE", "cache-control"), "public, max-age=60");
}

#[test]
fn mistakes_are_told() {
    let variants = "variants: [{ name: a }]";
    for (wrong, told) in [
        ("{}".to_owned(), "`experiments`: missing, wanted a list"),
        ("{ experiments: [] }".to_owned(), "there are from 1 to 32 experiments"),
        (
            format!("{{ experiments: [{{ name: x, {variants} }}, {{ name: x, {variants} }}] }}"),
            "experiment `x` is there twice",
        ),
        (
            format!("{{ sticky: false, experiments: [{{ name: x, {variants} }}] }}"),
            "without a cookie (`sticky: false`), visitors have to be known by something: see `visitor`",
        ),
        (
            format!("{{ testers: {{ token: short }}, experiments: [{{ name: x, {variants} }}] }}"),
            "`testers`: a token is 8 to 64 letters, digits, - and _",
        ),
        (
            format!("{{ testers: {{}}, experiments: [{{ name: x, {variants} }}] }}"),
            "`testers`: testers ask in a `query` parameter or in a `header`: name one",
        ),
        (
            format!("{{ experiments: [{{ name: x, {variants}, when: {{ path: x }} }}] }}"),
            "`experiments[0].when.path`: a path begins with `/`",
        ),
    ] {
        assert_eq!(Ab::from_yaml(&wrong).unwrap_err().to_string(), told);
    }
}

#[test]
fn the_readme_is_right() {
    let examples = include_str!("../README.md").split("```yaml\n").skip(1);
    let examples = examples.map(|example| example.split("```").next().unwrap());
    assert_eq!(examples.inspect(|example| drop(Ab::from_yaml(example).unwrap())).count(), 3);
}
