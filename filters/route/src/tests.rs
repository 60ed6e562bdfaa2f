use edgeloom_sdk::testing;

use super::*;

/// The cluster, the target and the answer after these rules.
fn run(rules: &str, request: Request) -> (Option<String>, String, Option<Answer>) {
    let filter = Route::from_yaml(rules).unwrap();
    let mut request = request;
    let answer = match testing::on_request(&filter, &mut request).unwrap() {
        testing::Verdict::Answer(answer) => Some(answer),
        testing::Verdict::Proceed(_) => None,
    };
    (request.cluster().map(str::to_owned), request.target(), answer)
}

fn get(target: &str) -> Request {
    Request::get(&["https://shop.example", target].concat())
}

#[track_caller]
fn check_cluster(rules: &str, request: Request, cluster: Option<&str>) {
    let (chosen, _, answer) = run(rules, request);
    assert_eq!((chosen.as_deref(), answer), (cluster, None), "{rules}");
}

#[track_caller]
fn check_path(rule: &str, target: &str, rewritten: &str) {
    let (_, target, answer) = run(&format!("{{ rules: [{rule}] }}"), get(target));
    assert_eq!((target.as_str(), answer), (rewritten, None), "{rule}");
}

#[track_caller]
fn check_redirect(rule: &str, target: &str, status: u16, location: &str) {
    let (_, _, answer) = run(&format!("{{ rules: [{rule}] }}"), get(target).with_fact("geo.country", "SE"));
    let expected = Answer::redirect(status, location);
    assert_eq!(answer, Some(expected), "{rule}");
}

#[test]
fn the_first_rule_that_holds_goes() {
    let rules = "{ rules: [
        { when: { path: /health }, name: health },
        { when: { country: [SE, NO], path: /shop/* }, to: north },
        { when: { facts: { ab.checkout: green } }, to: green },
        { when: { continent: EU, headers: { x-beta: '1' } }, to: beta },
        { to: south }] }";
    let from = |country: &str, target: &str| get(target).with_fact("geo.country", country);
    check_cluster(rules, from("SE", "/health"), None);
    check_cluster(rules, from("NO", "/shop/1"), Some("north"));
    check_cluster(rules, from("NO", "/blog"), Some("south"));
    check_cluster(rules, from("NO", "/blog").with_fact("ab.checkout", "green"), Some("green"));
    check_cluster(rules, from("NO", "/shop").with_fact("ab.checkout", "green"), Some("north"));
    check_cluster(rules, get("/").with_fact("geo.continent", "EU").with_header("x-beta", "1"), Some("beta"));
    check_cluster(rules, get("/"), Some("south"));
}

#[test]
fn a_share_of_the_visitors_is_always_the_same() {
    let rules = "{ rules: [{ when: { share: { percent: 20, of: cookie.uid, seed: canary } }, to: canary }] }";
    let visit = |uid: u32| run(rules, get("/").with_header("cookie", format!("uid={uid}"))).0;
    let canary = (0..1000).filter(|uid| visit(*uid).is_some()).count();
    assert!((160..240).contains(&canary), "{canary}");
    assert!((0..50).all(|uid| visit(uid) == visit(uid)));
    check_cluster(rules, get("/"), None);
}

#[test]
fn prefixes_are_stripped_and_replaced() {
    for (target, rewritten) in [
        ("/api/v1?x=1", "/v1?x=1"),
        ("/api", "/"),
        ("/api/", "/"),
        ("/api?x", "/?x"),
        ("/apis/v1", "/apis/v1"),
        ("/api//evil.example", "/evil.example"),
    ] {
        check_path("{ path: { strip: /api } }", target, rewritten);
    }
    check_path("{ path: { replace: { from: /old/, to: /new/shop } } }", "/old/a?b", "/new/shop/a?b");
    check_path("{ path: { replace: { from: /, to: /shop } } }", "/a", "/shop/a");
    check_path("{ path: { replace: { from: /old, to: / } } }", "/old/a", "/a");
}

#[test]
fn paths_are_made_of_captures() {
    check_path(
        "{ when: { path: '/p/{id}/*' }, path: { set: '/product/{*}/{id}' } }",
        "/p/7/a?b",
        "/product/a/7?b",
    );
    check_path(
        "{ when: { path: ['/p/{id}', '/q/{id}'] }, path: { set: '/x?id={id}' } }",
        "/q/7?y=1",
        "/x?id=7",
    );
    check_path(
        "{ path: { set: '/se{path}' }, query: { remove: utm_*, set: { v: '2' } } }",
        "/a?utm_id=1&b=2",
        "/se/a?b=2&v=2",
    );
    check_path("{ query: { remove: debug } }", "/a?debug", "/a");
}

#[test]
fn clients_are_redirected() {
    check_redirect(
        "{ redirect: { to: 'https://new.example{path}', status: 308 } }",
        "/a?b",
        308,
        "https://new.example/a?b",
    );
    check_redirect("{ when: { path: '/old/*' }, redirect: { to: '/new/{*}' } }", "/old/a", 302, "/new/a");
    check_redirect(
        "{ when: { path: '/old/*' }, redirect: { to: '/{*}' } }",
        "/old//evil.example",
        302,
        "/evil.example",
    );
    check_redirect(
        "{ redirect: { to: 'https://{geo.country}.shop.example/?', status: 301 } }",
        "/a?b",
        301,
        "https://SE.shop.example/",
    );
}

#[test]
fn the_rule_is_left_as_a_fact() {
    let filter = Route::from_yaml("{ rules: [{ name: everything, to: north }] }").unwrap();
    let mut request = get("/");
    assert_eq!(filter.route(&mut request), None);
    assert_eq!(request.fact("route.rule").as_deref(), Some("everything"));
}

#[test]
fn too_long_a_path_is_the_clients_fault() {
    let long = "/".to_owned() + &"a".repeat(8 * 1024 - 1);
    let (_, _, answer) = run("{ rules: [{ path: { set: '/more{path}' } }] }", get(&long));
    assert_eq!(answer.unwrap().status, 414);
}

#[test]
fn a_cluster_that_is_not_granted_is_a_fault() {
    let filter = Route::from_yaml("{ rules: [{ to: north }] }").unwrap();
    let error = testing::on_request(&filter, &mut get("/").granting(["south"])).unwrap_err();
    assert!(error.contains("north") && error.contains("granted"), "{error}");
}

#[test]
fn few_questions_are_asked() {
    let filter = Route::from_yaml(
        "{ rules: [
        { when: { path: /a, country: SE }, to: a },
        { when: { path: /b, cookies: { x: a } }, to: b },
        { when: { path: /b, cookies: { x: b, y: c } }, to: c },
        { when: { path: /b/* }, to: d, path: { strip: /b } }] }",
    );
    let mut request = get("/b/1");
    assert_eq!(filter.unwrap().route(&mut request), None);
    assert_eq!(request.calls(), 4, "the path and the query; the cluster and the new path");
}

#[test]
fn mistakes_are_told() {
    for (wrong, told) in [
        ("{}", "`rules`: missing, wanted a list"),
        (
            "{ rules: [{ to: a }, { to: b }] }",
            "a rule without `when` holds always: the rules after it are never reached",
        ),
        ("{ rules: [{ name: a, when: { path: / } }, { name: a }] }", "rule `a` is there twice"),
        (
            "{ rules: [{ redirect: { to: / }, to: a }] }",
            "`rules[0]`: a redirect goes back to the client: `to`, `path` and `query` have no place beside it",
        ),
        (
            "{ rules: [{ redirect: { to: /, status: 200 } }] }",
            "`rules[0].redirect`: a redirect's status is 301, 302, 303, 307 or 308",
        ),
        (
            "{ rules: [{ redirect: { to: //x } }] }",
            "`rules[0].redirect`: `to` begins with `/`, `{path}`, `https://` or `http://`",
        ),
        (
            "{ rules: [{ redirect: { to: 'javascript:x' } }] }",
            "`rules[0].redirect`: `to` begins with `/`, `{path}`, `https://` or `http://`",
        ),
        ("{ rules: [{ path: { set: 'x' } }] }", "`rules[0]`: `path.set` begins with `/` or `{path}`"),
        (
            "{ rules: [{ path: { set: '/{id}' } }] }",
            "`rules[0]`: `{id}` is not captured by every `when.path` of this rule",
        ),
        (
            "{ rules: [{ when: { path: ['/{id}', '/x'] }, path: { set: '/{id}' } }] }",
            "`rules[0]`: `{id}` is not captured by every `when.path` of this rule",
        ),
        (
            "{ rules: [{ path: { strip: api } }] }",
            "`rules[0].path.strip`: the front of a path begins with `/`, is percent-encoded, and has no wildcards",
        ),
        ("{ rules: [{ to: 'a b' }] }", "`rules[0].to`: found the text `a b`, wanted the name of a cluster"),
        (
            "{ rules: [{ cluster: a }] }",
            "`rules[0].cluster`: no such setting; there are `name`, `when`, `to`, `path`, `query`, `redirect`",
        ),
    ] {
        assert_eq!(Route::from_yaml(wrong).unwrap_err().to_string(), told);
    }
}

#[test]
fn the_readme_is_right() {
    let examples = include_str!("../README.md").split("```yaml\n").skip(1);
    let examples = examples.map(|example| example.split("```").next().unwrap());
    assert_eq!(examples.inspect(|example| drop(Route::from_yaml(example).unwrap())).count(), 2);
}
