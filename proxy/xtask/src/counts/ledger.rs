//! What was written down of counts: a file that people read, and that a change of costs is reviewed with.

use std::fmt;

use anyhow::{Context, Result};

use super::Counted;

/// Counts, and what they were counted with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) conditions: String,
    pub(super) counted: Counted,
}

/// As many in a hundred as a count may differ: maps hash differently in every process, which is good
/// for up to three.
const TOLERATED: u64 = 5;

/// Fewer than these are no difference: of a piece of a hundred instructions, one is a percent.
const ALWAYS_TOLERATED: u64 = 10;

impl Ledger {
    /// # Errors
    ///
    /// Where it is not what [`Ledger`]s are written as.
    pub(super) fn read(text: &str) -> Result<Self> {
        let conditions = text.lines().find_map(|line| line.strip_prefix(COUNTED_WITH));
        let conditions = conditions.with_context(|| format!("no line begins with `{COUNTED_WITH}`"))?;
        let count = |line: &str| {
            let (count, name) = line.trim_start().split_once("  ")?;
            Some((name.to_owned(), count.replace(',', "").parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let counted = lines.map(|line| count(line).with_context(|| format!("`{line}` is no count")));
        Ok(Self { conditions: conditions.to_owned(), counted: counted.collect::<Result<_>>()? })
    }

    /// What is different now, as sentences.
    pub(super) fn compare<'l>(&'l self, now: &'l Self) -> impl Iterator<Item = String> + 'l {
        let known = self.counted.iter().filter_map(|(name, then)| match now.counted.get(name) {
            Some(now) => different(name, *then, *now),
            None => Some(format!("`{name}` is written down, but is no piece any more")),
        });
        let unknown = now.counted.keys().filter(|name| !self.counted.contains_key(*name));
        known.chain(unknown.map(|name| format!("`{name}` is not written down")))
    }
}

fn different(name: &str, then: u64, now: u64) -> Option<String> {
    let by = then.abs_diff(now);
    if by <= ALWAYS_TOLERATED || by.saturating_mul(100) <= then.saturating_mul(TOLERATED) {
        return None;
    }
    let percent = by.saturating_mul(100).div_ceil(then.max(1));
    let has_become = if now > then { "dearer" } else { "cheaper" };
    Some(format!(
        "`{name}` has become {percent} % {has_become}: {} instructions, {} are written down",
        grouped(now),
        grouped(then)
    ))
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# How many instructions each piece takes: `cargo xtask counts` checks it, and")?;
        writeln!(f, "# `BLESS=1 cargo xtask counts` writes it. Read a change of it as one of costs.")?;
        writeln!(f, "{COUNTED_WITH}{}", self.conditions)?;
        for (name, count) in &self.counted {
            writeln!(f, "{:>11}  {name}", grouped(*count))?;
        }
        Ok(())
    }
}

const COUNTED_WITH: &str = "# Counted with ";

/// With a comma between thousands, for those who read.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(counted: &[(&str, u64)]) -> Ledger {
        let counted = counted.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Ledger { conditions: "rustc 1.95.0, valgrind-3.19.0".to_owned(), counted }
    }

    #[track_caller]
    fn check(then: &[(&str, u64)], now: &[(&str, u64)], expected: &[&str]) {
        let (then, now) = (ledger(then), ledger(now));
        assert_eq!(then.compare(&now).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_becomes_dearer_is_told() {
        let told = "`edit` has become 6 % dearer: 1,060 instructions, 1,000 are written down";
        check(&[("edit", 1000)], &[("edit", 1060)], &[told]);
        check(&[("edit", 1000)], &[("edit", 1050)], &[]);
        let told = "`edit` has become 900 % dearer: 10,000,000 instructions, 1,000,000 are written down";
        check(&[("edit", 1_000_000)], &[("edit", 10_000_000)], &[told]);
    }

    #[test]
    fn what_becomes_cheaper_is_told_too_lest_it_becomes_dearer_again_unseen() {
        let told = "`edit` has become 50 % cheaper: 500 instructions, 1,000 are written down";
        check(&[("edit", 1000)], &[("edit", 500)], &[told]);
    }

    #[test]
    fn a_few_instructions_are_no_difference() {
        check(&[("pick", 20)], &[("pick", 30)], &[]);
        let told = "`pick` has become 55 % dearer: 31 instructions, 20 are written down";
        check(&[("pick", 20)], &[("pick", 31)], &[told]);
    }

    #[test]
    fn a_piece_that_comes_or_goes_is_told() {
        check(
            &[("old", 9), ("both", 9)],
            &[("both", 9), ("new", 9)],
            &["`old` is written down, but is no piece any more", "`new` is not written down"],
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = ledger(&[("route/exact path, of 10", 717), ("call/geo, fresh", 1_055_341), ("x", 0)]);
        assert_eq!(Ledger::read(&written.to_string()).unwrap(), written);
        for (text, wrong) in [
            ("", "no line begins with `# Counted with `"),
            ("# Counted with rustc\nmany  edits\n", "`many  edits` is no count"),
        ] {
            assert_eq!(Ledger::read(text).unwrap_err().to_string(), wrong);
        }
    }
}
