use super::*;
use crate::{Request, Settings};

#[track_caller]
fn check(when: &str, holds: &[Request], fails: &[Request]) {
    let condition = Condition::from_yaml(when).unwrap();
    for request in holds {
        assert!(condition.holds(&mut Look::at(request)), "{when} {request:?}");
    }
    for request in fails {
        assert!(!condition.holds(&mut Look::at(request)), "{when} {request:?}");
    }
}

fn get(target: &str) -> Request {
    Request::get(&["https://shop.example", target].concat())
}

#[test]
fn nothing_asked_holds_always() {
    check("{}", &[get("/"), Request::new("POST", "http://other.example/x")], &[]);
    assert_eq!(Condition::default(), Condition::from_yaml("{}").unwrap());
}

#[test]
fn hosts_paths_and_methods() {
    check(
        "{ host: [Shop.example, '*.shop.example'] }",
        &[get("/"), Request::get("https://www.SHOP.example:8443/")],
        &[Request::get("https://ashop.example/")],
    );
    check("{ path: [/, '/p/{id}'] }", &[get("/"), get("/p/1?x")], &[get("/p"), get("/q")]);
    check("{ method: [GET, HEAD] }", &[get("/")], &[Request::new("POST", "https://shop.example/")]);
}

#[test]
fn places_are_what_geo_found() {
    let stockholm = || {
        get("/").with_fact("geo.country", "SE").with_fact("geo.region", "AB").with_fact("geo.continent", "EU")
    };
    check("{ country: SE }", &[stockholm()], &[get("/"), get("/").with_fact("geo.country", "NO")]);
    check(
        "{ country: ['NO', SE], continent: EU }",
        &[stockholm()],
        &[get("/").with_fact("geo.country", "SE")],
    );
    check(
        "{ region: [SE-AB, SE-M] }",
        &[stockholm()],
        &[get("/").with_fact("geo.country", "US").with_fact("geo.region", "AB")],
    );
    check("{ country: SE }", &[], &[get("/?country=SE").with_header("geo.country", "SE")]);
}

#[test]
fn headers_cookies_parameters_and_facts() {
    check(
        "{ headers: { X-Beta: '1' } }",
        &[get("/").with_header("x-beta", "1")],
        &[get("/"), get("/").with_header("x-beta", "2")],
    );
    check("{ headers: { x-beta: '!' } }", &[get("/")], &[get("/").with_header("x-beta", "")]);
    check(
        "{ cookies: { plan: [gold, plat*] } }",
        &[get("/").with_header("cookie", "a=b; plan=gold"), get("/").with_header("cookie", "plan=platinum")],
        &[get("/"), get("/").with_header("cookie", "plans=gold")],
    );
    check(
        "{ query: { q: 'a b', 'x[1]': '*' } }",
        &[get("/?x%5B1%5D&q=a+b"), get("/?q=a%20b&q=c&x[1]=%zz")],
        &[get("/"), get("/?q=a%2520b&x[1]"), get("/?q&x[1]")],
    );
    check("{ facts: { ab.checkout: green } }", &[get("/").with_fact("ab.checkout", "green")], &[get("/")]);
}

#[test]
fn a_share_is_of_those_who_can_be_told_apart() {
    let visitor = |uid: usize| get("/").with_header("cookie", ["uid=", &uid.to_string()].concat());
    let condition = |share: &str| Condition::from_yaml(share).unwrap();
    let tenth = condition("{ share: { percent: 10, of: cookie.uid, seed: canary } }");
    let third = condition("{ share: { percent: 30, of: cookie.uid, seed: canary } }");
    let rest = condition("{ share: { percent: 70, from: 30, of: cookie.uid, seed: canary } }");
    let among = |condition: &Condition, uid| condition.holds(&mut Look::at(&visitor(uid)));

    let count = (0..2000).filter(|uid| among(&tenth, *uid)).count();
    assert!((150..250).contains(&count), "{count}");
    assert!((0..2000).all(|uid| !among(&tenth, uid) || among(&third, uid)), "shares of one seed nest");
    assert!((0..2000).all(|uid| among(&third, uid) != among(&rest, uid)), "or lie side by side");
    check(
        "{ share: { percent: 100, of: cookie.uid, seed: x } }",
        &[visitor(1)],
        &[get("/"), get("/").with_header("cookie", "uid=")],
    );
}

#[test]
fn a_network_is_half_an_ipv6_address() {
    let of = |address: &str, source: &str| {
        let source = Source::try_from(source.to_owned()).unwrap();
        let request = get("/").from(address);
        Look::at(&request).text(&source).map(std::borrow::Cow::into_owned)
    };
    assert_eq!(of("2001:db8:1:2:3:4:5:6", "client.network").as_deref(), Some("2001:db8:1:2::"));
    assert_eq!(of("192.0.2.7", "client.network").as_deref(), Some("192.0.2.7"));
    assert_eq!(of("2001:db8::6", "client.ip").as_deref(), Some("2001:db8::6"));
    assert_eq!(of("192.0.2.7", "client.scheme").as_deref(), Some("https"));
    assert_eq!(of("192.0.2.7", "request.path").as_deref(), Some("/"));
    assert_eq!(of("192.0.2.7", "request.query"), None);
    assert_eq!(of("192.0.2.7", "request.target").as_deref(), Some("/"));
}

#[test]
fn mistakes_are_told_at_their_place() {
    for (wrong, told) in [
        ("{ path: cart }", "`path`: a path begins with `/`"),
        ("{ path: [/a, '/{a}{b}'] }", "`path[1]`: a segment has room for one `*` or `{name}`"),
        ("{ country: Sweden }", "`country`: wanted a country's two letters in upper case, like SE"),
        ("{ region: AB }", "`region`: wanted a region as in ISO 3166-2, like SE-AB"),
        ("{ continent: Europe }", "`continent`: wanted AF, AN, AS, EU, NA, OC or SA"),
        (
            "{ headers: { x: [] } }",
            "`headers.x`: an empty list holds for no request: write `\"*\"` for any value, `\"!\"` for none",
        ),
        ("{ headers: { x: '~ ^1' } }", "`headers.x`: filters know `*` and `{name}`, not regular expressions"),
        ("{ cookie: { x: y } }", "`cookie`: no such setting; did you mean `cookies`?"),
        (
            "{ share: { percent: 0, of: client.ip, seed: x } }",
            "`share`: a share is more than 0 percent and, with what it starts from, at most 100",
        ),
        (
            "{ share: { percent: 60, from: 50, of: client.ip, seed: x } }",
            "`share`: a share is more than 0 percent and, with what it starts from, at most 100",
        ),
        ("{ share: { percent: 10, of: [], seed: x } }", "`share`: nothing to know visitors by under `of`"),
    ] {
        assert_eq!(Condition::from_yaml(wrong).unwrap_err().to_string(), told);
    }
    let error =
        Condition::from_yaml("{ share: { percent: 1, of: cookies.uid, seed: x } }").unwrap_err().to_string();
    assert!(error.starts_with("`share.of`: nothing is called `cookies.uid`; there are client.ip"), "{error}");
}
