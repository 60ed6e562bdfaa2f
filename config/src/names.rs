//! What things are called, and what they are once that is known.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::problem::{Problem, Problems};
use crate::tree::{At, Span};
use crate::written::{Entries, Leaf};

/// A name that the operator chose: it appears in logs, metrics and grants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name(pub(crate) String);

/// A text that is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("up to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit")]
pub(crate) struct NotAName;

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let well_formed = begins && text.len() <= 64 && text.chars().all(plain);
        well_formed.then(|| Self(text.to_owned())).ok_or(NotAName)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Leaf for Name {
    const NAME: &'static str = "a name";
    const EXAMPLE: &'static str = "north";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: NotAName| error.to_string())
    }

    fn show(&self) -> Value {
        self.0.clone().into()
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
    }

    fn what() -> String {
        Self::NAME.to_owned()
    }
}

/// The names of one kind, and the positions of what they name.
pub(crate) struct Names {
    kind: &'static str,
    positions: HashMap<String, u32>,
    in_order: Arc<[String]>,
    /// Whether the names could be read; if not, that has been told, and is all there is to tell.
    read: bool,
}

impl Names {
    pub(crate) fn new<V>(kind: &'static str, entries: Option<&At<Entries<Name, V>>>) -> Self {
        let names = entries.iter().flat_map(|entries| &entries.value.0);
        let in_order: Arc<[String]> = names.map(|(name, _)| name.value.0.clone()).collect();
        let positions = in_order.iter().cloned().zip(0..).collect();
        Self { kind, positions, in_order, read: entries.is_some() }
    }

    /// The position of what is named, or the problem that there is none.
    pub(crate) fn find(&self, name: &Name, span: Span, problems: &mut Problems) -> Option<u32> {
        let found = self.positions.get(&name.0).copied();
        if found.is_none() && self.read {
            let known = Arc::clone(&self.in_order);
            problems.push(span, Problem::UnknownName { kind: self.kind, name: name.0.clone(), known });
        }
        found
    }
}
