//! What a filter changes in one call: lines of a head, and facts.

use super::{Edit, Headers, Journal, Refusal};
use crate::facts::Facts;
use crate::limits::EDITS_MAX;

/// One change: to the head, or to what is left for the filters that run later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    Line(Edit<'a>),
    Fact(&'a str, &'a str),
}

/// Makes all of these changes in order or, where one is refused, none.
///
/// # Errors
///
/// The outer one is the first that comes instead of a change; what was made until then is made. The
/// inner one is the first refusal.
pub fn apply<'a, E>(
    headers: &mut Headers,
    facts: &mut Facts,
    journal: &mut Journal,
    changes: impl IntoIterator<Item = Result<Change<'a>, E>>,
) -> Result<Result<(), Refusal>, E> {
    let before = journal.mark();
    for (position, change) in changes.into_iter().enumerate() {
        let made = match change? {
            _ if position == EDITS_MAX => Err(Refusal::TooLarge),
            Change::Line(edit) => headers.edit(&edit, journal),
            Change::Fact(name, value) => facts.set(name, value, journal),
        };
        if let Err(refusal) = made {
            headers.unwind(journal, before);
            facts.unwind(journal, before.facts);
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(()))
}
