//! Which crate may know which.

use super::Problem;
use crate::house::{Dependency, Package};

/// Who may depend on whom in this workspace: always, and in tests besides.
///
/// A name that ends with `*` is every name that begins so.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("edgeloom-core", &[], &[]),
    ("edgeloom-config", &["edgeloom-core"], &[]),
    ("edgeloom-host", &["edgeloom-core"], &["edgeloom-testbed"]),
    ("edgeloom", &["edgeloom-config", "edgeloom-core", "edgeloom-host"], &["edgeloom-testbed"]),
    // What its `testing` pretends is held against what the edge really does.
    ("edgeloom-sdk", &["edgeloom-sdk-macros"], &["edgeloom-core"]),
    ("edgeloom-sdk-macros", &[], &["edgeloom-sdk"]),
    ("edgeloom-filter-*", &["edgeloom-sdk"], &[]),
    ("edgeloom-misbehaving-*", &["edgeloom-sdk"], &[]),
    ("edgeloom-guest-*", &["edgeloom-sdk"], &[]),
    // What a host call costs is told as the authors of filters pay it.
    ("edgeloom-bench-calls", &["edgeloom-sdk"], &[]),
    // The other guests of benchmarks are written against the bare contract.
    ("edgeloom-bench-*", &[], &[]),
    // The demo checks an operator's own configuration before it stands origins behind it.
    ("edgeloom-testbed", &["edgeloom-config"], &[]),
    ("edgeloom-load", &["edgeloom-testbed"], &[]),
    ("edgeloom-load-small", &["edgeloom-sdk"], &[]),
    // Peers are other people's proxies: what is ours in them is the job they are given.
    ("edgeloom-peer-*", &["edgeloom-peer-job"], &["edgeloom-testbed"]),
    ("xtask", &[], &[]),
];

/// What a crate must not know of the world outside, and why.
const STRANGERS: &[(&str, &[&str], &str)] = &[
    (
        "edgeloom-core",
        &["tokio", "rand", "fastrand", "tracing", "anyhow"],
        "the core does not wait, roll dice or log",
    ),
    (
        "edgeloom-config",
        &["wasm*", "wit-*", "pingora*", "tokio", "anyhow"],
        "the language knows neither Wasm nor sockets",
    ),
    ("edgeloom-host", &["pingora*", "hyper*", "anyhow"], "the host runs guests and moves no bytes"),
    ("edgeloom", &["wasm*", "wit-*"], "guests are the host's business"),
    ("edgeloom-testbed", &["pingora*", "wasm*"], "tests see the edge from outside"),
    ("edgeloom-load", &["pingora*", "wasm*"], "load tests see the edge from outside"),
];

pub(super) fn problems(packages: &[Package]) -> Vec<Problem> {
    packages.iter().flat_map(|package| forbidden(package, packages)).collect()
}

fn forbidden(package: &Package, packages: &[Package]) -> Vec<Problem> {
    let Some((_, always, in_tests)) = ARROWS.iter().find(|(name, ..)| is(name, &package.name)) else {
        return vec![Problem::new(&package.name, "has no line in the table of dependency arrows")];
    };
    let ours = |dependency: &&Dependency| packages.iter().any(|package| package.name == dependency.name);
    let strangers = || STRANGERS.iter().filter(|(name, ..)| is(name, &package.name));
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let is_for_tests = dependency.kind.as_deref() == Some("dev");
        let is_allowed = always.contains(&name.as_str()) || is_for_tests && in_tests.contains(&name.as_str());
        if ours(&dependency) && !is_allowed {
            problems.push(Problem::new(&package.name, format!("must not depend on {name}")));
        }
        // What tests do with the world is their business.
        let stranger =
            strangers().find(|(_, names, _)| !is_for_tests && names.iter().any(|rule| is(rule, name)));
        if let Some((_, _, why)) = stranger {
            problems.push(Problem::new(&package.name, format!("must not depend on {name}: {why}")));
        }
    }
    problems
}

fn is(rule: &str, name: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => rule == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::packages;

    /// What is wrong in a workspace of these packages with these dependencies.
    fn check(house: &[(&str, &[&str])], expected: &[&str]) {
        let package = |(name, dependencies): &(&str, &[&str])| {
            let dependency = |name: &&str| match name.strip_prefix("dev ") {
                Some(name) => format!(r#"{{ "name": "{name}", "kind": "dev" }}"#),
                None => format!(r#"{{ "name": "{name}", "kind": null }}"#),
            };
            let dependencies: Vec<_> = dependencies.iter().map(dependency).collect();
            format!(r#"{{ "name": "{name}", "targets": [], "dependencies": [{}] }}"#, dependencies.join(","))
        };
        let house: Vec<_> = house.iter().map(package).collect();
        let house = packages(&format!(r#"{{ "packages": [{}] }}"#, house.join(","))).unwrap();
        let found: Vec<_> = problems(&house).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn arrows_point_at_the_core() {
        check(&[("edgeloom-core", &["http"]), ("edgeloom-host", &["edgeloom-core", "wasmtime"])], &[]);
        check(
            &[("edgeloom-core", &["edgeloom-host"]), ("edgeloom-host", &[])],
            &["edgeloom-core: must not depend on edgeloom-host"],
        );
        check(
            &[("edgeloom-filter-geo", &["edgeloom-core"]), ("edgeloom-core", &[])],
            &["edgeloom-filter-geo: must not depend on edgeloom-core"],
        );
    }

    #[test]
    fn what_is_allowed_in_tests_is_allowed_only_there() {
        check(&[("edgeloom", &["dev edgeloom-testbed", "dev wasmtime"]), ("edgeloom-testbed", &[])], &[]);
        check(
            &[("edgeloom", &["edgeloom-testbed"]), ("edgeloom-testbed", &[])],
            &["edgeloom: must not depend on edgeloom-testbed"],
        );
    }

    #[test]
    fn a_crate_does_not_know_what_it_must_not() {
        let why = "the host runs guests and moves no bytes";
        let expected = format!("edgeloom-host: must not depend on pingora-core: {why}");
        check(&[("edgeloom-host", &["pingora-core"])], &[&expected]);
    }

    #[test]
    fn a_new_crate_wants_a_line_in_the_table() {
        check(&[("edgeloom-new", &[])], &["edgeloom-new: has no line in the table of dependency arrows"]);
    }
}
