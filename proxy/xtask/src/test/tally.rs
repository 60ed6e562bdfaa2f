//! What the lines of `cargo test` add up to.

use std::fmt;

/// How tests went, over any number of test binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    binaries: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
    /// The names of those that failed.
    failures: Vec<String>,
}

impl Tally {
    /// Takes note of one line.
    pub(super) fn hear(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.binaries += 1;
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
            self.ignored += count(result, "ignored");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binaries, passed, failed, ignored, failures } = self;
        write!(f, "{passed} passed, {failed} failed, {ignored} ignored, in {binaries} binaries")?;
        if !failures.is_empty() {
            write!(f, "; failed: {}", failures.join(", "))?;
        }
        Ok(())
    }
}

/// The number before this word, as in `ok. 3 passed; 0 failed`.
fn count(result: &str, what: &str) -> usize {
    let parts = result.split(['.', ';']).filter_map(|part| part.trim().split_once(' '));
    parts.filter(|(_, word)| *word == what).find_map(|(number, _)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up_and_failures_named() {
        let output = "
running 2 tests
test head::tests::a_name_is_checked ... ok
test route::tests::longer_wins ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s
test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 40 filtered out; finished in 1.50s";
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.hear(line));
        assert_eq!(
            tally.to_string(),
            "13 passed, 1 failed, 3 ignored, in 2 binaries; failed: route::tests::longer_wins"
        );
    }

    #[test]
    fn nothing_heard_is_no_test() {
        let mut tally = Tally::default();
        tally.hear(
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert!(tally.is_empty());
    }
}
