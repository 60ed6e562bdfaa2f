//! How long a file may be, and what it may be called.

use super::{Problem, Text};

/// More is two files.
const LINES_MAX: usize = 400;

/// Files that are better whole, each with the reason.
const LONGER: &[(&str, &str)] = &[];

/// Names that say nothing about what is inside.
const NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "manager", "types"];

pub(super) fn problems(texts: &[Text]) -> Vec<Problem> {
    let mut problems: Vec<_> = texts.iter().filter(|text| text.path.ends_with(".rs")).flat_map(of).collect();
    for (path, _) in LONGER {
        let whole = texts.iter().find(|text| text.path == *path);
        if whole.is_none_or(|text| text.content.lines().count() <= LINES_MAX) {
            problems.push(Problem::new(*path, "is no exception any more: remove its line in tidy/files.rs"));
        }
    }
    problems
}

fn of(text: &Text) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = text.content.lines().count();
    if lines > LINES_MAX && LONGER.iter().all(|(path, _)| *path != text.path) {
        problems.push(Problem::new(
            &text.path,
            format!("has {lines} lines, more than the {LINES_MAX} that a file may have"),
        ));
    }
    for part in text.path.split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if NAMES.contains(&stem) {
            problems.push(Problem::new(&text.path, format!("`{stem}` says nothing about what is inside")));
        }
    }
    if text.path.ends_with("/mod.rs") {
        problems.push(Problem::new(&text.path, "a module `foo` is the file foo.rs beside the folder foo"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, lines: usize, expected: &[&str]) {
        let text = Text { path: path.to_owned(), content: "//\n".repeat(lines) };
        let found: Vec<_> = of(&text).into_iter().map(|problem| problem.what).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_file_has_at_most_so_many_lines() {
        check("proxy/core/src/route.rs", LINES_MAX, &[]);
        check(
            "proxy/core/src/route.rs",
            LINES_MAX + 1,
            &["has 401 lines, more than the 400 that a file may have"],
        );
    }

    #[test]
    fn a_name_says_what_is_inside() {
        check("proxy/core/src/utils.rs", 1, &["`utils` says nothing about what is inside"]);
        check("proxy/host/src/common/head.rs", 1, &["`common` says nothing about what is inside"]);
        check("proxy/host/src/mistypes.rs", 1, &[]);
        check(
            "proxy/host/src/grants/mod.rs",
            1,
            &["a module `foo` is the file foo.rs beside the folder foo"],
        );
    }

    #[test]
    fn every_exception_has_a_reason() {
        assert!(LONGER.iter().all(|(_, reason)| reason.len() > 20));
    }
}
