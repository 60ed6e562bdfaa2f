use std::fmt;
use std::str::FromStr;

use crate::Settings;

/// What a header, a cookie, a query parameter or a fact must be.
///
/// | written | holds where the value |
/// |---|---|
/// | `"*"` | is there |
/// | `"!"` | is not there |
/// | `"gold"` | is `gold` |
/// | `"go*"`, `"*ld"`, `"g*l*"` | is like this; each `*` stands for any text, also none |
#[derive(Debug, Clone, PartialEq, Eq, Settings)]
#[settings(from = String)]
pub enum ValuePattern {
    /// Is there.
    Present,
    /// Is not there.
    Absent,
    /// Is this text.
    Exact(Box<str>),
    /// Is these pieces, in order, with anything between them.
    Like(Box<[Box<str>]>),
}

impl ValuePattern {
    /// Whether a value, or there being none, is as this pattern wants it.
    pub fn matches(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (_, None) => false,
            (Self::Present, Some(_)) => true,
            (Self::Exact(text), Some(value)) => text.as_bytes() == value,
            (Self::Like(pieces), Some(value)) => like(pieces, value),
        }
    }
}

/// Each piece is taken where it is first found: with `*` as the only wildcard nothing is missed by it.
fn like(pieces: &[Box<str>], value: &[u8]) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(inner) = value.strip_prefix(first.as_bytes()) else { return false };
    let Some(mut inner) = inner.strip_suffix(last.as_bytes()) else { return false };
    for piece in middle.iter().filter(|piece| !piece.is_empty()) {
        let Some(at) = inner.windows(piece.len()).position(|window| window == piece.as_bytes()) else {
            return false;
        };
        inner = inner.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

impl FromStr for ValuePattern {
    type Err = PatternError;

    fn from_str(written: &str) -> Result<Self, PatternError> {
        if written.starts_with("~ ") {
            return Err(PatternError::Regex);
        }
        Ok(match written {
            "*" => Self::Present,
            "!" => Self::Absent,
            text if text.contains('*') => Self::Like(text.split('*').map(Box::from).collect()),
            text => Self::Exact(text.into()),
        })
    }
}

impl TryFrom<String> for ValuePattern {
    type Error = PatternError;

    fn try_from(written: String) -> Result<Self, PatternError> {
        written.parse()
    }
}

/// Which paths, percent-encoded as they came.
///
/// | written | matches | captures |
/// |---|---|---|
/// | `/about` | itself | |
/// | `/cart/*` | `/cart` and everything below it | `{*}`: the rest, without its `/` |
/// | `/p/{id}/edit` | any one segment for `{id}`, not an empty one | `{id}` |
/// | `/img/{name}.png`, `/v-*/api` | one variable in a segment, named or not | `{name}` |
/// | `/*` | everything | `{*}` |
#[derive(Debug, Clone, PartialEq, Eq, Settings)]
#[settings(from = String)]
pub struct PathPattern {
    segments: Box<[Segment]>,
    /// Whether it ends in `/*`.
    open: bool,
    names: Box<[Box<str>]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Variable { before: Box<str>, after: Box<str>, named: bool },
}

impl PathPattern {
    /// Whether this path is one of those meant.
    pub fn matches(&self, path: &str) -> bool {
        self.walk(path, |_| {}).is_some()
    }

    /// What this path has where the pattern has [`names`](Self::names), in that order.
    pub fn captures<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let mut captures = Vec::with_capacity(self.names.len());
        self.walk(path, |capture| captures.push(capture))?;
        Some(captures)
    }

    /// What the pattern captures, from left to right; `*` is the rest of the path.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    fn walk<'p>(&self, path: &'p str, mut capture: impl FnMut(&'p str)) -> Option<()> {
        let mut left = path.strip_prefix('/');
        for segment in &self.segments {
            let (text, next) = match left?.split_once('/') {
                Some((text, next)) => (text, Some(next)),
                None => (left?, None),
            };
            match segment {
                Segment::Literal(literal) if **literal == *text => {}
                Segment::Literal(_) => return None,
                Segment::Variable { before, after, named } => {
                    let text = text.strip_prefix(&**before)?.strip_suffix(&**after)?;
                    if text.is_empty() {
                        return None;
                    }
                    if *named {
                        capture(text);
                    }
                }
            }
            left = next;
        }
        if self.open {
            capture(left.take().unwrap_or_default());
        }
        left.is_none().then_some(())
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(written: &str) -> Result<Self, PatternError> {
        if written.starts_with("~ ") {
            return Err(PatternError::Regex);
        }
        let inside = written.strip_prefix('/').ok_or(PatternError::NoSlash)?;
        if !inside.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#') {
            return Err(PatternError::NoPath);
        }
        let mut segments: Vec<&str> = inside.split('/').collect();
        let open = segments.pop_if(|last| *last == "*").is_some();
        let mut names: Vec<Box<str>> = Vec::new();
        let segments =
            segments.into_iter().map(|segment| parse(segment, &mut names)).collect::<Result<_, _>>()?;
        if open {
            names.push("*".into());
        }
        Ok(Self { segments, open, names: names.into() })
    }
}

impl TryFrom<String> for PathPattern {
    type Error = PatternError;

    fn try_from(written: String) -> Result<Self, PatternError> {
        written.parse()
    }
}

fn parse(segment: &str, names: &mut Vec<Box<str>>) -> Result<Segment, PatternError> {
    let variables = |text: &str| text.contains(['*', '{', '}']);
    let (before, name, after) = match (segment.split_once('{'), segment.split_once('*')) {
        (Some((before, rest)), _) => {
            let (name, after) = rest.split_once('}').ok_or(PatternError::Unclosed)?;
            (before, Some(name), after)
        }
        (None, Some((before, after))) => (before, None, after),
        (None, None) if segment.contains('}') => return Err(PatternError::Unclosed),
        (None, None) => return Ok(Segment::Literal(segment.into())),
    };
    if variables(before) || variables(after) {
        return Err(PatternError::TwoInOne);
    }
    if let Some(name) = name {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(PatternError::Name);
        }
        if names.iter().any(|known| **known == *name) {
            return Err(PatternError::Twice);
        }
        names.push(name.into());
    }
    Ok(Segment::Variable { before: before.into(), after: after.into(), named: name.is_some() })
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// It asks for a regular expression.
    Regex,
    /// A path without its first `/`.
    NoSlash,
    /// A character that no path has.
    NoPath,
    /// A brace without its fellow.
    Unclosed,
    /// Two variables in one segment: where the first ends would be anybody's guess.
    TwoInOne,
    /// Not a name for a capture.
    Name,
    /// A name that was already given.
    Twice,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regex => "filters know `*` and `{name}`, not regular expressions",
            Self::NoSlash => "a path begins with `/`",
            Self::NoPath => "a path has neither spaces nor `?` nor `#`, and is percent-encoded",
            Self::Unclosed => "`{` and `}` go together, as in `{name}`",
            Self::TwoInOne => "a segment has room for one `*` or `{name}`",
            Self::Name => "the name between `{` and `}` is of a-z, 0-9 and _",
            Self::Twice => "two captures have the same name",
        })
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests;
