//! A YAML text as a tree in which everything knows its place.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Options, Spanned};

use crate::limits::{ALIASES_MAX, DEPTH_MAX, VALUES_MAX};
use crate::problem::{Problem, Problems};

/// A stretch of the text, in bytes; line and column count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> At<T> {
    /// Something that is not written anywhere: a default, or what is to be shown.
    pub(crate) fn unwritten(value: T) -> Self {
        Self { value, span: Span::default() }
    }

    pub(crate) fn is_unwritten(&self) -> bool {
        self.span == Span::default()
    }
}

/// One value of the file. The span of a list or map is that of the key before
/// it, or of the first thing in it: what a person would point at.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) tree: Tree,
}

#[derive(Debug)]
pub(crate) enum Tree {
    /// `null`, `~`, or a key with nothing after it.
    Nothing,
    /// The text as written, and the value that YAML makes of it.
    Scalar {
        text: String,
        value: Value,
    },
    List(Vec<Node>),
    /// No key twice: the second is a problem already.
    Map(Vec<(At<String>, Node)>),
}

/// Reads a text. `None` where it is not YAML, which is then the only problem there is.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    match serde_saphyr::from_str_with_options::<Spanned<Yaml>>(text, options()) {
        Ok(yaml) => Some(Planter { text, problems }.plant(yaml, None)),
        Err(error) => {
            let at = error.location().map_or_else(Span::default, |at| locate(text, at));
            problems.push(at, illegible(&error, text.get(at.start..).unwrap_or_default()));
            None
        }
    }
}

/// What the reader's error means to an operator; `rest` is the text from there on.
fn illegible(mut error: &Error, rest: &str) -> Problem {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } = error {
        error = inner;
    }
    let quote = "a text that begins with one of `* & ! % @` must be in quotes";
    let (message, remedy) = match (error, rest.chars().next()) {
        (Error::Budget { breach: BudgetBreach::Depth { .. }, .. }, _) => {
            (format!("lists and maps are nested more than {DEPTH_MAX} deep"), None)
        }
        (Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. }, _) => return Problem::TooLarge,
        (Error::MultipleDocuments { .. }, _) => {
            ("a second document begins".to_owned(), Some("a configuration is one document; remove the `---`"))
        }
        (Error::UnknownAnchor { .. }, _) => ("there is no such anchor".to_owned(), Some(quote)),
        (other, first) => {
            let message = other.to_string().split(" at line ").next().unwrap_or_default().to_owned();
            let remedy = match first {
                _ if message.split(' ').any(|word| matches!(word, "tab" | "tabs")) => {
                    Some("indent with spaces; YAML allows no tabs")
                }
                _ if message.contains("flow ") => {
                    Some("inside `[…]` and `{…}`, texts with one of `[ ] { } ,` must be in quotes")
                }
                Some('*' | '&' | '!' | '%' | '@' | '`') => Some(quote),
                Some('"') => Some("in double quotes `\\` begins an escape; put patterns in single quotes"),
                _ => None,
            };
            (message, remedy)
        }
    };
    Problem::Syntax { message, remedy }
}

/// YAML 1.2: `NO` is Norway, and 007 keeps its zeros. The reader's own budget
/// bounds depth, nodes and aliases; only its suspicion of one anchor with many
/// aliases is lifted, for that is how a hundred clusters share their timeouts.
fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: VALUES_MAX,
            // A list or a map also ends.
            max_events: 2 * VALUES_MAX,
            max_aliases: ALIASES_MAX,
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// A value as the YAML reader hands it over.
enum Yaml {
    Nothing,
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

struct Planter<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl Planter<'_> {
    fn plant(&mut self, yaml: Spanned<Yaml>, key: Option<Span>) -> Node {
        let own = locate(self.text, yaml.defined);
        match yaml.value {
            Yaml::Nothing => Node { span: key.unwrap_or(own), tree: Tree::Nothing },
            Yaml::Scalar(Value::String(text)) => {
                let value = Value::String(text.clone());
                Node { span: own, tree: Tree::Scalar { text, value } }
            }
            Yaml::Scalar(value) => {
                let text = self.text.get(own.start..own.end).unwrap_or_default().to_owned();
                Node { span: own, tree: Tree::Scalar { text, value } }
            }
            Yaml::List(items) => {
                let items: Vec<_> = items.into_iter().map(|item| self.plant(item, None)).collect();
                let first = items.first().map(|item| item.span).filter(|_| own.start == own.end);
                Node { span: key.or(first).unwrap_or(own), tree: Tree::List(items) }
            }
            Yaml::Map(entries) => {
                let entries = self.entries(entries);
                let first = entries.first().map(|(key, _)| key.span).filter(|_| own.start == own.end);
                Node { span: key.or(first).unwrap_or(own), tree: Tree::Map(entries) }
            }
        }
    }

    fn entries(&mut self, entries: Vec<(Spanned<String>, Spanned<Yaml>)>) -> Vec<(At<String>, Node)> {
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(entries.len());
        let mut kept = Vec::with_capacity(entries.len());
        for (key, yaml) in entries {
            let span = locate(self.text, key.defined);
            let node = self.plant(yaml, Some(span));
            match seen.get(&key.value) {
                Some(first) => self.problems.again(span, Problem::DuplicateKey { key: key.value }, *first),
                None => {
                    seen.insert(key.value.clone(), span);
                    kept.push((At { value: key.value, span }, node));
                }
            }
        }
        kept
    }
}

/// Where that is in the text. Errors of the scanner know line and column only.
fn locate(text: &str, at: Location) -> Span {
    let known = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let line = known(Some(at.line())).unwrap_or_default();
    let column = known(Some(at.column())).unwrap_or_default();
    let start = known(at.span().byte_offset()).unwrap_or_else(|| {
        let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = text.get(before..).unwrap_or_default();
        before + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    });
    let end = start + known(at.span().byte_len()).unwrap_or_default();
    Span { start: start.min(text.len()), end: end.min(text.len()), line, column }
}

impl Node {
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.tree, Tree::Nothing)
    }

    /// What is written here, for messages.
    pub(crate) fn shape(&self) -> &'static str {
        match self.tree {
            Tree::Nothing => "nothing",
            Tree::Scalar { .. } => "a single value",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a map",
        }
    }

    /// The same as JSON, for the guest.
    pub(crate) fn json(&self) -> Value {
        match &self.tree {
            Tree::Nothing => Value::Null,
            Tree::Scalar { value, .. } => value.clone(),
            Tree::List(items) => items.iter().map(Self::json).collect(),
            Tree::Map(entries) => {
                entries.iter().map(|(key, node)| (key.value.clone(), node.json())).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Nothing)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Yaml, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Yaml::Map(map))
    }
}
