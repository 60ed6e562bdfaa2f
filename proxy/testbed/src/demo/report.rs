//! Ticks and crosses.

use crate::say;

/// What has been tried, and whether it was as it must be.
#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    pub(crate) fn chapter(&self, title: &str) {
        say(&format!("\n{title}"));
    }

    /// Something that must be so; `seen` is told where it is not.
    pub(crate) fn check(&mut self, claim: &str, holds: bool, seen: impl FnOnce() -> String) {
        if holds {
            self.passed += 1;
            say(&format!("  ✓ {claim}"));
        } else {
            self.failed += 1;
            say(&format!("  ✗ {claim}\n    but: {}", seen()));
        }
    }

    /// Whether all of it was as it must be; says so.
    pub(crate) fn conclude(&self) -> bool {
        let all = self.passed + self.failed;
        say(&match self.failed {
            0 => format!("\nAll {all} checks passed."),
            failed => format!("\n{failed} of {all} checks failed."),
        });
        self.failed == 0 && all > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_spoils_it_and_nothing_is_no_success() {
        let mut report = Report::default();
        assert!(!report.conclude());
        report.check("water is wet", true, || unreachable!());
        assert!(report.conclude());
        report.check("stones are soft", false, || "a stone".into());
        assert!(!report.conclude());
    }
}
