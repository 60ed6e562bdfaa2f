//! What filters leave for the filters after them, and for the access log.
//!
//! A client can send any header; it can not send a fact. So the country that
//! the `geo` filter found is safe to route by.

use smol_str::SmolStr;

use crate::head::{Journal, Refusal};
use crate::limits::{EDITS_MAX, FACT_NAME_MAX, FACT_VALUE_MAX, FACTS_MAX};

/// Names and texts, in the order in which they were left. Nearly all are short: those need no memory of
/// their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    entries: Vec<(SmolStr, SmolStr)>,
}

/// What undoes one change.
#[derive(Debug)]
pub(crate) enum Undo {
    /// The last entry was not there before.
    Forget,
    /// The entry at this position had this value.
    Restore(usize, SmolStr),
}

impl Facts {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Leaves a fact, in place of an earlier one of that name.
    ///
    /// # Errors
    ///
    /// `Malformed` where the name is not of `a-z 0-9 . - _` or the value has
    /// control characters; `TooLarge` past the limits. Nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str, journal: &mut Journal) -> Result<(), Refusal> {
        check(name, value)?;
        // A call may set the same fact for as long as its deadline lasts: this bounds what is remembered of that.
        if journal.facts.len() >= EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        let full = self.entries.len() >= FACTS_MAX;
        let mut known = self.entries.iter_mut().enumerate();
        match known.find(|(_, (known, _))| known == name) {
            Some((at, (_, old))) => {
                let old = std::mem::replace(old, value.into());
                journal.facts.push(Undo::Restore(at, old));
            }
            None if full => return Err(Refusal::TooLarge),
            None => {
                self.entries.push((name.into(), value.into()));
                journal.facts.push(Undo::Forget);
            }
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes back what was left since the last commit.
    pub fn rollback(&mut self, journal: &mut Journal) {
        self.unwind(journal, 0);
    }

    pub(crate) fn unwind(&mut self, journal: &mut Journal, mark: usize) {
        for undo in journal.facts.drain(mark..).rev() {
            match undo {
                Undo::Forget => {
                    self.entries.pop();
                }
                Undo::Restore(at, old) => {
                    if let Some((_, value)) = self.entries.get_mut(at) {
                        *value = old;
                    }
                }
            }
        }
    }
}

fn check(name: &str, value: &str) -> Result<(), Refusal> {
    if name.len() > FACT_NAME_MAX || value.len() > FACT_VALUE_MAX {
        return Err(Refusal::TooLarge);
    }
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    // Most are ASCII, where a control is a byte.
    let is_plain = value.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    let has_control = !is_plain && value.chars().any(char::is_control);
    if name.is_empty() || !name.bytes().all(legal) || has_control {
        return Err(Refusal::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_later_fact_replaces_an_earlier_one() {
        let (mut facts, mut journal) = (Facts::default(), Journal::default());
        facts.set("geo.country", "SE", &mut journal).unwrap();
        facts.set("geo.country", "NO", &mut journal).unwrap();
        assert_eq!(facts.get("geo.country"), Some("NO"));
        assert_eq!(facts.iter().count(), 1);
    }

    #[test]
    fn names_and_values_are_checked() {
        let (mut facts, mut journal) = (Facts::default(), Journal::default());
        assert_eq!(facts.set("Geo", "x", &mut journal), Err(Refusal::Malformed));
        assert_eq!(facts.set("", "x", &mut journal), Err(Refusal::Malformed));
        assert_eq!(facts.set("a", "x\ny", &mut journal), Err(Refusal::Malformed));
        assert_eq!(facts.set("a", &"x".repeat(FACT_VALUE_MAX), &mut journal), Ok(()));
        assert_eq!(facts.set("a", &"x".repeat(FACT_VALUE_MAX + 1), &mut journal), Err(Refusal::TooLarge));
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut facts, mut journal) = (Facts::default(), Journal::default());
        for n in 0..FACTS_MAX {
            facts.set(&format!("f{n}"), "x", &mut journal).unwrap();
        }
        assert_eq!(facts.set("one-more", "x", &mut journal), Err(Refusal::TooLarge));
        assert_eq!(facts.set("f0", "still replaced", &mut journal), Ok(()));
    }

    #[test]
    fn a_call_sets_only_so_many() {
        let (mut facts, mut journal) = (Facts::default(), Journal::default());
        for _ in 0..EDITS_MAX {
            facts.set("again", "and again", &mut journal).unwrap();
        }
        assert_eq!(facts.set("again", "x", &mut journal), Err(Refusal::TooLarge));
        journal.commit();
        assert_eq!(facts.set("again", "in the next call", &mut journal), Ok(()));
    }

    fn any_facts() -> impl Strategy<Value = Vec<(String, String)>> {
        proptest::collection::vec(("[a-c][a-c]?|B", "[x-z]{0,2}|\n"), 0..12)
    }

    fn lend(facts: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        facts.iter().map(|(name, value)| (&**name, &**value))
    }

    proptest! {
        #[test]
        fn a_fault_leaves_no_trace(kept in any_facts(), lost in any_facts()) {
            let (mut facts, mut journal) = (Facts::default(), Journal::default());
            for (name, value) in lend(&kept) {
                let _refused_or_not = facts.set(name, value, &mut journal);
            }
            journal.commit();
            let before = facts.clone();
            for (name, value) in lend(&lost) {
                let _refused_or_not = facts.set(name, value, &mut journal);
            }
            facts.rollback(&mut journal);
            prop_assert_eq!(&facts, &before);
            facts.rollback(&mut journal);
            prop_assert_eq!(&facts, &before);
        }
    }
}
