//! Everything that can be wrong with a configuration, each with its remedy.

use std::sync::Arc;

use crate::limits::PROBLEMS_MAX;
use crate::tree::{Node, Span};
use crate::written::Written;

/// What is wrong. Its text says what is; the label at the caret and the help
/// say what was wanted and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the file cannot be read: {why}")]
    Unreadable { why: String, remedy: &'static str },
    #[error("this is not YAML: {message}")]
    Syntax { message: String, remedy: Option<&'static str> },
    #[error("the file holds too many values, aliases followed")]
    TooLarge,
    #[error("`{key}` is written twice")]
    DuplicateKey { key: String },
    #[error("{section} has no field `{found}`")]
    UnknownField { section: &'static str, found: String, known: &'static [&'static str] },
    #[error("{section} needs `{field}`")]
    MissingField { section: &'static str, field: &'static str, wanted: String, doc: &'static str },
    #[error("this is {found}")]
    WrongShape { found: &'static str, wanted: String, remedy: Option<String> },
    #[error("{} is not {name}", shown(text))]
    Malformed { text: String, name: &'static str, why: String },
    #[error("{text} is {direction} {name} may be")]
    OutOfBounds {
        text: String,
        name: &'static str,
        direction: &'static str,
        bound: String,
        reason: &'static str,
    },
    #[error("an empty list, where at least one is needed")]
    Empty { wanted: String },
    #[error("there is no {kind} `{name}`")]
    UnknownName { kind: &'static str, name: String, known: Arc<[String]> },
    #[error("there are two {kind}s named `{name}`")]
    DuplicateName { kind: &'static str, name: String },
    #[error("{what} `{item}` is listed twice")]
    Repeated { what: &'static str, item: String, remedy: &'static str },
    #[error("`{bind}` is bound twice")]
    DuplicateBind { bind: String },
    #[error("`{bind}` is where `admin` is, by default")]
    AdminBind { bind: String },
    #[error("the PROXY protocol is wanted, but nobody is trusted to speak it")]
    NobodyTrusted,
    #[error("the routes `{first}` and `{second}` are for the same requests")]
    SameRoute { first: String, second: String },
    #[error("the route {}", if *both { "names a cluster, and answers itself" } else { "names no cluster, and answers nothing itself" })]
    Target { both: bool },
    #[error("the answer {what}")]
    Answer { what: &'static str, remedy: &'static str },
    #[error("the chain of route `{route}` has {length} filters")]
    ChainTooLong { route: String, length: usize, most: usize },
    #[error("the settings of filter `{filter}` are {length} bytes of JSON")]
    SettingsTooLong { filter: String, length: usize, most: usize },
    #[error("{section} needs one of {}, and no more", listed(fields))]
    NotOne { section: &'static str, fields: &'static [&'static str] },
    #[error("cluster `{cluster}` fails over to itself")]
    FailoverToItself { cluster: String },
    #[error("filter `{filter}` is granted `geo`, but no database is named")]
    NoGeoDatabase { filter: String },
    #[error("`{field}` is given without `{other}`")]
    Alone { field: &'static str, other: &'static str },
    #[error("`ca` says who may sign, but nothing is verified")]
    NothingToVerify,
    #[error("there is no name that the certificate of endpoint `{endpoint}` must be for")]
    NoTlsName { endpoint: String },
    #[error("`refresh_min` is more than `refresh_max`")]
    NeverRefreshed,
    #[error("`protocol: auto` without `tls`")]
    NothingNegotiated,
}

impl Problem {
    /// Something stands where a `T` belongs.
    pub(crate) fn wrong_shape<T: Written>(node: &Node) -> Self {
        Self::WrongShape { found: node.shape(), wanted: T::what(), remedy: None }
    }

    /// Its name: the part of a report that can be searched for.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Syntax { .. } => "syntax",
            Self::TooLarge => "too-large",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::UnknownField { .. } => "unknown-field",
            Self::MissingField { .. } => "missing-field",
            Self::WrongShape { .. } => "wrong-shape",
            Self::Malformed { .. } => "malformed",
            Self::OutOfBounds { .. } => "out-of-bounds",
            Self::Empty { .. } => "empty",
            Self::UnknownName { .. } => "unknown-name",
            Self::DuplicateName { .. } => "duplicate-name",
            Self::Repeated { .. } => "repeated",
            Self::DuplicateBind { .. } => "duplicate-bind",
            Self::AdminBind { .. } => "admin-bind",
            Self::NobodyTrusted => "nobody-trusted",
            Self::SameRoute { .. } => "same-route",
            Self::Target { .. } => "target",
            Self::Answer { .. } => "answer",
            Self::ChainTooLong { .. } => "chain-too-long",
            Self::SettingsTooLong { .. } => "settings-too-long",
            Self::NoGeoDatabase { .. } => "no-geo-database",
            Self::Alone { .. } => "alone",
            Self::NothingToVerify => "nothing-to-verify",
            Self::NoTlsName { .. } => "no-tls-name",
            Self::NeverRefreshed => "never-refreshed",
            Self::NothingNegotiated => "nothing-negotiated",
            Self::NotOne { .. } => "not-one",
            Self::FailoverToItself { .. } => "failover-to-itself",
        }
    }

    /// What stands beside the caret.
    pub(crate) fn label(&self) -> Option<String> {
        match self {
            Self::UnknownField { found, known, .. } => did_you_mean(found, known),
            Self::UnknownName { name, known, .. } => did_you_mean(name, known),
            Self::Malformed { why, .. } => Some(why.clone()),
            Self::OutOfBounds { bound, .. } => Some(bound.clone()),
            Self::ChainTooLong { most, .. } => Some(format!("at most {most}")),
            Self::SettingsTooLong { most, .. } => Some(format!("at most {most}")),
            Self::SameRoute { first, .. } => Some(format!("the conditions of `{first}` are the same")),
            Self::DuplicateKey { .. }
            | Self::DuplicateName { .. }
            | Self::DuplicateBind { .. }
            | Self::Repeated { .. } => Some("again".to_owned()),
            Self::WrongShape { wanted, .. } => Some(format!("wanted {wanted}")),
            Self::NoGeoDatabase { .. }
            | Self::Alone { .. }
            | Self::NothingToVerify
            | Self::NoTlsName { .. }
            | Self::NeverRefreshed
            | Self::NothingNegotiated
            | Self::NotOne { .. }
            | Self::FailoverToItself { .. }
            | Self::NobodyTrusted
            | Self::MissingField { .. }
            | Self::AdminBind { .. }
            | Self::Target { .. }
            | Self::Answer { .. }
            | Self::Unreadable { .. }
            | Self::Syntax { .. }
            | Self::TooLarge
            | Self::Empty { .. } => None,
        }
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Unreadable { remedy, .. } => Some((*remedy).to_owned()),
            Self::Syntax { remedy, .. } => remedy.map(str::to_owned),
            Self::TooLarge => Some(
                "use fewer aliases of aliases, and leave large tables to a filter or an origin".to_owned(),
            ),
            Self::DuplicateKey { .. } => Some("remove one of the two, or rename it".to_owned()),
            Self::UnknownField { section, known, .. } => {
                Some(format!("the fields of {section} are {}", listed(known)))
            }
            Self::MissingField { field, wanted, doc, .. } => {
                Some(format!("add `{field}:` with {wanted}: {}", first_clause(doc)))
            }
            Self::WrongShape { remedy, .. } => remedy.clone(),
            Self::Malformed { .. } => None,
            Self::OutOfBounds { reason, .. } => Some((*reason).to_owned()),
            Self::Empty { wanted } => Some(format!("add {wanted}")),
            Self::Repeated { remedy, .. } => Some((*remedy).to_owned()),
            Self::UnknownName { kind, known, .. } if known.is_empty() => {
                Some(format!("no {kind} is written; add it under `{kind}s:`"))
            }
            Self::UnknownName { kind, known, .. } => Some(match &**known {
                [only] => format!("the only {kind} is `{only}`"),
                known => format!("the {kind}s are {}", listed(known)),
            }),
            Self::DuplicateName { .. } => Some("rename one of the two".to_owned()),
            Self::DuplicateBind { .. } => Some("give one of the two another address or port".to_owned()),
            Self::AdminBind { .. } => Some(
                "use another port here, or give `admin: { bind: … }` one, or write `admin: off`".to_owned(),
            ),
            Self::NobodyTrusted => Some(
                "add the addresses or networks of the balancers before this edge to `trust`: all others are turned away"
                    .to_owned(),
            ),
            Self::SameRoute { .. } => {
                Some("one of the two would never be chosen; remove it or give it other conditions".to_owned())
            }
            Self::Target { both: true } => Some("keep one of `to` and `answer`".to_owned()),
            Self::Target { both: false } => {
                Some("add `to:` with the name of a cluster, or `answer:` with a status or a text".to_owned())
            }
            Self::Answer { remedy, .. } => Some((*remedy).to_owned()),
            Self::ChainTooLong { .. } => {
                Some("every filter costs every request; unite filters, or split the route".to_owned())
            }
            Self::SettingsTooLong { .. } => {
                Some("split the filter in two with a part of the settings each".to_owned())
            }
            Self::NotOne { .. } => Some("write the one that is meant".to_owned()),
            Self::FailoverToItself { .. } => {
                Some("name clusters that stand elsewhere, or leave `failover` out".to_owned())
            }
            Self::NoGeoDatabase { .. } => {
                Some("add `geo: { database: city.mmdb }` at the top level, or remove the grant".to_owned())
            }
            Self::Alone { field, other } => {
                Some(format!("add `{other}:` beside it, or remove `{field}`: one is no use without the other"))
            }
            Self::NothingToVerify => Some("remove `verify: false`, or `ca`".to_owned()),
            Self::NoTlsName { .. } => Some(
                "add `name:` with the host's name in its certificate (an IP address, if that is what it is for)"
                    .to_owned(),
            ),
            Self::NeverRefreshed => Some("no time is between the two: exchange them, or leave one out".to_owned()),
            Self::NothingNegotiated => {
                Some("it is TLS that negotiates: add `tls: {}`, or say `http1` or `http2`".to_owned())
            }
        }
    }
}

/// A problem at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) problem: Problem,
    pub(crate) span: Span,
    /// Where it was written the first time.
    pub(crate) first: Option<Span>,
}

/// All problems so far: the first hundred, and how many more.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Found>,
    further: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, span: Span, problem: Problem) {
        self.add(Found { problem, span, first: None });
    }

    /// Something that was already written at `first`.
    pub(crate) fn again(&mut self, span: Span, problem: Problem, first: Span) {
        self.add(Found { problem, span, first: Some(first) });
    }

    /// What an anchor holds is read once for every alias, but told once.
    fn add(&mut self, found: Found) {
        if self.found.len() >= PROBLEMS_MAX {
            self.further += 1;
        } else if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// From the top of the file to its end, and how many more there are.
    pub(crate) fn in_order(mut self) -> (Vec<Found>, usize) {
        self.found.sort_by_key(|found| found.span.start);
        (self.found, self.further)
    }
}

/// A text as it appears in a title: not a page of it.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        _ if text.is_empty() => "an empty text".to_owned(),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// The first sentence of a field's documentation, to go on with after a colon.
fn first_clause(doc: &str) -> String {
    let sentence = doc.trim_ascii_start().split(". ").next().unwrap_or_default().trim_end_matches('.');
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn did_you_mean(found: &str, known: &[impl AsRef<str>]) -> Option<String> {
    closest(found, known).map(|name| format!("did you mean `{name}`?"))
}

/// The known name that `found` is likely a slip of.
pub(crate) fn closest<'a>(found: &str, known: &'a [impl AsRef<str>]) -> Option<&'a str> {
    let found = found.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&found, &name.to_lowercase());
    let nearest = known.iter().map(AsRef::as_ref).min_by_key(|name| distance(name))?;
    (distance(nearest) <= (nearest.chars().count() + 1) / 3).then_some(nearest)
}

/// `a`, `b` and `c`; of a long list, the beginning.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    const SHOWN_MAX: usize = 20;
    let quoted: Vec<_> = names.iter().take(SHOWN_MAX).map(|name| format!("`{}`", name.as_ref())).collect();
    match (quoted.split_last(), names.len().checked_sub(SHOWN_MAX)) {
        (_, Some(more @ 1..)) => format!("{} and {more} more", quoted.join(", ")),
        (Some((last, rest @ [_, ..])), _) => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
