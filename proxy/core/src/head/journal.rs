//! What the present call has changed, and how that is taken back.

use http::HeaderValue;

use super::names::{Named, Names};
use crate::facts;

/// What has to be undone if the present call does not succeed, beside the names that earlier ones have used.
///
/// Of whoever makes the calls, one after the other, and not of the head: so that it need not find memory, nor
/// check names, in every call.
#[derive(Debug, Default)]
pub struct Journal {
    pub(super) names: Names,
    pub(super) lines: Vec<Undo>,
    pub(crate) facts: Vec<facts::Undo>,
}

/// How one header was before an edit.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) name: Named,
    pub(super) before: Before,
}

/// The values that a header had. Most have one: that needs no memory of its own.
#[derive(Debug)]
pub(super) enum Before {
    None,
    One(HeaderValue),
    Many(Vec<HeaderValue>),
    /// Those it has now, but for the last.
    AllButLast,
}

impl Journal {
    /// Keeps what was changed since the last commit.
    pub fn commit(&mut self) {
        self.lines.clear();
        self.facts.clear();
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { lines: self.lines.len(), facts: self.facts.len() }
    }
}

/// A place in a journal, to go back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) lines: usize,
    pub(super) facts: usize,
}

impl Before {
    pub(super) fn of(mut values: impl Iterator<Item = HeaderValue>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(one), None) => Self::One(one),
            (Some(first), Some(second)) => Self::Many([first, second].into_iter().chain(values).collect()),
        }
    }
}
