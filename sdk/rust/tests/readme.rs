//! What `sdk/README.md` shows is what is compiled and tested.
#![cfg(not(target_arch = "wasm32"))]

const README: &str = include_str!("../../README.md");
const EXAMPLE: &str = include_str!("../examples/geo_route.rs");

/// Without what rustfmt decides: imports' order, blanks, and commas before closing braces.
fn plain(code: &str) -> String {
    let lines = code.lines().filter(|line| !line.starts_with("use "));
    let text: String = lines.flat_map(str::split_whitespace).collect();
    text.replace(",}", "}")
}

#[test]
fn the_first_filter_is_the_example_and_ten_lines_give_or_take_a_brace() {
    let after = README.split_once("```rust\n").unwrap().1;
    let block = after.split_once("```").unwrap().0;
    assert!(plain(EXAMPLE).starts_with(&plain(block)), "{block}");

    let counts = |line: &&str| !line.is_empty() && !line.starts_with("use ") && !line.starts_with("//!");
    let lines = block.lines().filter(counts).count();
    assert!(lines <= 11, "{lines} lines");
}

#[test]
fn its_test_is_the_examples_first() {
    let test = README.split_once("#[cfg(test)]").unwrap().1.split_once("```").unwrap().0;
    let test = plain(test);
    let (_, tested) = EXAMPLE.split_once("#[cfg(test)]").unwrap();
    assert!(plain(tested).starts_with(test.strip_suffix('}').unwrap()), "{test}");
}
