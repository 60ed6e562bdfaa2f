//! The workspace in portions that cargo builds one after the other.
//!
//! What is built together shares its dependencies' features; what is built apart must not differ in
//! those of a large dependency, or that is built twice. So each portion is there for a reason.

use anyhow::Result;

use crate::filters;
use crate::house::{House, Package};

/// What selects each portion for cargo, the quickest first.
///
/// # Errors
///
/// Where a package is no proper guest.
pub(crate) fn portions(house: &House) -> Result<Vec<Vec<String>>> {
    let apart = filters::unshipped(house.packages())?;
    Ok(of(house.packages(), &apart))
}

fn of(packages: &[Package], apart: &[&str]) -> Vec<Vec<String>> {
    // Without optimisation, and where it has been built in order to run.
    let own = vec!["--package=xtask".to_owned(), "--target-dir=target/xtask".to_owned()];
    // cargo takes what the tests of a macro need for what the macro needs, and so do all the macros and
    // build scripts beside it: Wasmtime would be built once more than for the edge.
    let are_macros = |package: &&Package| package.targets.iter().any(|target| target.is_of("proc-macro"));
    let macros: Vec<_> = packages.iter().filter(are_macros).map(|package| package.name.as_str()).collect();
    let of_macros = macros.iter().map(|name| vec!["--release".to_owned(), format!("--package={name}")]);
    // Wasmtime and Pingora once, for the edge, its tests, the demo and the load tests.
    let mut whole = ["--release", "--workspace", "--exclude=xtask"].map(str::to_owned).to_vec();
    // Guests that are wrong on purpose or made to be measured are tested by what the edge does about them.
    whole.extend(macros.iter().chain(apart).map(|name| format!("--exclude={name}")));
    [own].into_iter().chain(of_macros).chain([whole]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::packages;

    #[test]
    fn macros_and_guests_do_not_spoil_what_the_edge_is_built_of() {
        let package = |name: &str, crate_type: &str| {
            format!(
                r#"{{ "name": "{name}", "dependencies": [],
                    "targets": [{{ "name": "{name}", "crate_types": ["{crate_type}"] }}] }}"#
            )
        };
        let house = [package("edgeloom", "bin"), package("edgeloom-sdk-macros", "proc-macro")].join(",");
        let house = packages(&format!(r#"{{ "packages": [{house}] }}"#)).unwrap();
        assert_eq!(
            of(&house, &["edgeloom-misbehaving-spins"]),
            [
                vec!["--package=xtask", "--target-dir=target/xtask"],
                vec!["--release", "--package=edgeloom-sdk-macros"],
                vec![
                    "--release",
                    "--workspace",
                    "--exclude=xtask",
                    "--exclude=edgeloom-sdk-macros",
                    "--exclude=edgeloom-misbehaving-spins"
                ],
            ]
        );
    }
}
