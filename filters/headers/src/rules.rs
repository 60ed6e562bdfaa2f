//! What is done to one head.

use std::borrow::Cow;
use std::cell::OnceCell;

use edgeloom_sdk::settings::{OneOrMany, Ordered};
use edgeloom_sdk::when::{PatternError, ValuePattern};
use edgeloom_sdk::{Edits, HeaderName, Request, Response, Settings};

use crate::slot::Slots;
use crate::template::{Named, Template};

/// Edits of one head, made in this order.
#[derive(Debug, Default, Settings)]
#[settings(from = Written)]
pub(crate) struct Rules {
    remove: Vec<HeaderName>,
    remove_like: Vec<NamePattern>,
    rename: Vec<(HeaderName, HeaderName)>,
    pub(crate) set: Lines,
    /// Set where they are missing.
    pub(crate) default: Lines,
    append: Lines,
    add: Lines,
    /// What the templates ask for.
    pub(crate) slots: Slots,
}

/// Headers, each with its values.
pub(crate) type Lines = Vec<(HeaderName, Vec<Template>)>;

impl Rules {
    /// The edits for this head. `filled` are the values of the slots; `lines` holds what is read of the head.
    pub(crate) fn edits<'e>(
        &'e self,
        head: &dyn Head,
        lines: &'e OnceCell<Vec<Line>>,
        filled: &[Option<Vec<u8>>],
    ) -> Edits<'e> {
        let present = Present { head, lines };
        // What is renamed or has several values makes room by itself.
        let usual = [self.remove.len(), self.remove_like.len(), self.set.len(), self.add.len()];
        let mut edits = Edits::with_capacity(usual.iter().sum());
        for name in &self.remove {
            edits.remove(name);
        }
        for pattern in &self.remove_like {
            edits.remove_like(&pattern.written);
        }
        for (old, new) in &self.rename {
            for (index, value) in present.values(old).take(RENAMED_MAX).enumerate() {
                if index == 0 {
                    edits.remove(old).set(new, value)
                } else {
                    edits.add(new, value)
                };
            }
        }
        for (name, templates) in &self.set {
            set(&mut edits, name, templates, filled);
        }
        for (name, templates) in &self.default {
            if self.is_gone(name) || !present.has(name) {
                set(&mut edits, name, templates, filled);
            }
        }
        for (name, templates) in &self.append {
            if let Some(line) = self.appended(name, templates, &present, filled) {
                edits.set(name, line);
            }
        }
        for (name, templates) in &self.add {
            for value in rendered(templates, filled) {
                edits.add(name, value);
            }
        }
        edits
    }

    /// The values that are there, and then these, as one list (RFC 9110 section 5.3).
    fn appended(
        &self,
        name: &HeaderName,
        templates: &[Template],
        present: &Present<'_, '_>,
        filled: &[Option<Vec<u8>>],
    ) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let mut join = |value: &[u8]| {
            line.extend_from_slice(if line.is_empty() { b"" } else { b", " });
            line.extend_from_slice(value);
        };
        if !self.is_gone(name) {
            present.values(name).for_each(&mut join);
        }
        rendered(templates, filled).for_each(|value| join(&value));
        (!line.is_empty()).then_some(line)
    }

    /// Whether nothing is done, so that nothing need be asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty()
            && self.remove_like.is_empty()
            && self.rename.is_empty()
            && self.names().next().is_none()
    }

    /// The headers that are written: each in one way only.
    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let lines = self.set.iter().chain(&self.default).chain(&self.append).chain(&self.add);
        lines.map(|(name, _)| name).chain(self.rename.iter().map(|(_, new)| new))
    }

    fn is_gone(&self, name: &HeaderName) -> bool {
        self.remove.contains(name) || self.is_unlike(name) || self.rename.iter().any(|(old, _)| old == name)
    }

    /// Whether a wildcard takes it away. What the proxy keeps to itself stays.
    fn is_unlike(&self, name: &HeaderName) -> bool {
        self.remove_like.iter().any(|pattern| pattern.matches(name)) && !name.is_reserved()
    }
}

/// Gives a header these values and no other: none at all where there is nothing to send.
fn set<'e>(
    edits: &mut Edits<'e>,
    name: &'e HeaderName,
    templates: &'e [Template],
    filled: &[Option<Vec<u8>>],
) {
    let mut values = rendered(templates, filled);
    match values.next() {
        Some(first) => edits.set(name, first),
        None => edits.remove(name),
    };
    for value in values {
        edits.add(name, value);
    }
}

fn rendered<'t>(
    templates: &'t [Template],
    filled: &[Option<Vec<u8>>],
) -> impl Iterator<Item = Cow<'t, [u8]>> {
    templates.iter().filter_map(|template| template.render(filled))
}

/// One line of a head.
pub(crate) type Line = (HeaderName, Vec<u8>);

/// A head, of which no more is read than has to be.
struct Present<'h, 'e> {
    head: &'h dyn Head,
    lines: &'e OnceCell<Vec<Line>>,
}

impl<'e> Present<'_, 'e> {
    fn all(&self) -> &'e [Line] {
        self.lines.get_or_init(|| self.head.headers())
    }

    fn has(&self, name: &HeaderName) -> bool {
        match self.lines.get() {
            Some(lines) => lines.iter().any(|(known, _)| known == name),
            None => self.head.header(name).is_some(),
        }
    }

    /// Most headers that are renamed or appended to are not there: that is cheaper to ask than for all.
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &'e [u8]> {
        let lines = if self.has(name) { self.all() } else { &[] };
        lines.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }
}

/// A request or a response.
pub(crate) trait Head {
    fn header(&self, name: &HeaderName) -> Option<Vec<u8>>;
    fn headers(&self) -> Vec<Line>;
}

impl Head for Request {
    fn header(&self, name: &HeaderName) -> Option<Vec<u8>> {
        Self::header(self, name)
    }

    fn headers(&self) -> Vec<Line> {
        Self::headers(self)
    }
}

impl Head for Response {
    fn header(&self, name: &HeaderName) -> Option<Vec<u8>> {
        Self::header(self, name)
    }

    fn headers(&self) -> Vec<Line> {
        Self::headers(self)
    }
}

/// The same, as the operator writes it.
#[derive(Settings)]
struct Written {
    #[settings(default)]
    remove: OneOrMany<Removal>,
    #[settings(default)]
    rename: Ordered<Editable, Editable>,
    #[settings(default)]
    set: WrittenLines,
    #[settings(default)]
    default: WrittenLines,
    #[settings(default)]
    append: WrittenLines,
    #[settings(default)]
    add: WrittenLines,
}

type WrittenLines = Ordered<Editable, OneOrMany<Named>>;

/// Names that are like a text with `*`, in lower case.
#[derive(Debug)]
struct NamePattern {
    written: Box<str>,
    pattern: ValuePattern,
}

impl NamePattern {
    fn new(written: &str) -> Result<Self, String> {
        let written = written.to_ascii_lowercase();
        for piece in written.split('*').filter(|piece| !piece.is_empty()) {
            HeaderName::new(piece).map_err(|illegal| illegal.to_string())?;
        }
        let pattern = written.parse().map_err(|error: PatternError| error.to_string())?;
        Ok(Self { written: written.into(), pattern })
    }

    fn matches(&self, name: &HeaderName) -> bool {
        self.pattern.matches(Some(name.as_bytes()))
    }
}

/// A header, or all that are like a pattern.
#[derive(Settings)]
#[settings(from = String)]
enum Removal {
    One(HeaderName),
    Like(NamePattern),
}

impl TryFrom<String> for Removal {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written.contains('*') {
            return NamePattern::new(&written).map(Self::Like);
        }
        let name = HeaderName::new(written).map_err(|illegal| illegal.to_string())?;
        Editable::try_from(name).map(|Editable(name)| Self::One(name)).map_err(str::to_owned)
    }
}

/// A header that filters may edit.
#[derive(PartialEq, Settings)]
#[settings(from = HeaderName)]
struct Editable(HeaderName);

impl TryFrom<HeaderName> for Editable {
    type Error = &'static str;

    fn try_from(name: HeaderName) -> Result<Self, Self::Error> {
        if name.is_reserved() { Err("the proxy keeps this header to itself") } else { Ok(Self(name)) }
    }
}

impl TryFrom<Written> for Rules {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut rules = Self::default();
        for removal in written.remove.0 {
            match removal {
                Removal::One(name) => rules.remove.push(name),
                Removal::Like(pattern) => rules.remove_like.push(pattern),
            }
        }
        rules.rename =
            written.rename.0.into_iter().map(|(Editable(old), Editable(new))| (old, new)).collect();
        let slots = &mut rules.slots;
        rules.set = numbered(written.set, slots);
        rules.default = numbered(written.default, slots);
        rules.append = numbered(written.append, slots);
        rules.add = numbered(written.add, slots);
        let written = |wanted: &HeaderName| rules.names().filter(|name| *name == wanted).count();
        if let Some(twice) = rules.names().find(|name| written(name) > 1) {
            return Err(["`", twice, "` is written in more than one way: which is meant?"].concat());
        }
        if rules.append.iter().any(|(name, _)| name == "set-cookie") {
            return Err("cookies can not be joined with commas: `add` them".into());
        }
        let lists = [&rules.set, &rules.default, &rules.append, &rules.add];
        let values: usize = lists.into_iter().flatten().map(|(_, values)| values.len()).sum();
        if values + rules.remove.len() + rules.rename.len() > EDITS_MAX {
            return Err("these are more than 100 edits".into());
        }
        Ok(rules)
    }
}

fn numbered(written: WrittenLines, slots: &mut Slots) -> Lines {
    let lines = written.0.into_iter();
    lines
        .map(|(Editable(name), values)| {
            (name, values.0.into_iter().map(|value| value.number(slots)).collect())
        })
        .collect()
}

/// What one call may do, less what clients can cause: a wildcard may meet 100 of their lines.
const EDITS_MAX: usize = 100;

/// The most lines of one header that are renamed. More are no use, but could fill the head.
const RENAMED_MAX: usize = 16;
