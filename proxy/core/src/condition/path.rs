//! Conditions on the path.

use std::fmt;
use std::str::FromStr;

use super::canonical;
use super::pattern::{self, Pattern, PatternError};

/// Which paths: `/exact`, `/prefix/*`, `/*` or `~ pattern`.
///
/// Paths are compared as the most generous of the common origins would read
/// them, so that no other spelling of a path slips past the route that guards
/// it: what percent-encoding hides is shown, `%2F` and `\` are `/`, `//` is
/// `/`, and path parameters (`;…`) take no part. A path with a `.` or `..`
/// segment, however it is disguised, matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// This path.
    Exact(Box<str>),
    /// What this finds something in; it sees the path in the spelling above.
    Matches(Pattern),
    /// This path and all below it. Without the slash at the end, so `/*` is empty.
    Prefix(Box<str>),
}

impl PathPattern {
    /// Whether this path is meant: percent-encoded, without the query.
    pub fn matches(&self, path: &str) -> bool {
        canonical::path(path).is_some_and(|path| self.matches_canonical(&path))
    }

    pub(crate) fn matches_canonical(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => *path == **exact,
            Self::Matches(pattern) => pattern.is_match(path),
            Self::Prefix(prefix) if prefix.is_empty() => true,
            Self::Prefix(prefix) => {
                path.strip_prefix(&**prefix).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
        }
    }
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    #[error("a path begins with `/`; a pattern with `~ `, as in `~ ^/p/[0-9]+$`")]
    NoSlash,
    #[error(
        "`*` stands only at the end, after a `/`, as in `/cart/*`; elsewhere write a pattern, as in `~ ^/[^/]+/cart$`"
    )]
    Star,
    #[error("a path has no `?` or `#`; conditions on the query stand under `query`")]
    Query,
    #[error("`;` and what follows it in a segment takes no part in matching; leave it out")]
    Parameters,
    #[error("no path with a `.` or `..` segment is ever matched; write the path that is meant")]
    Dots,
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        if let Some(pattern) = pattern::after_tilde(text) {
            return Ok(Self::Matches(pattern.parse()?));
        }
        let (path, prefix) = match text.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (text, false),
        };
        if !text.starts_with('/') {
            return Err(PathPatternError::NoSlash);
        }
        for (forbidden, error) in [
            (&['*'][..], PathPatternError::Star),
            (&['?', '#'], PathPatternError::Query),
            (&[';'], PathPatternError::Parameters),
        ] {
            if path.contains(forbidden) {
                return Err(error);
            }
        }
        let path = canonical::path(path).ok_or(PathPatternError::Dots)?;
        if prefix {
            Ok(Self::Prefix(path.strip_suffix('/').unwrap_or(&path).into()))
        } else {
            Ok(Self::Exact(path.into()))
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Matches(pattern) => write!(f, "~ {pattern}"),
            Self::Prefix(prefix) => write!(f, "{prefix}/*"),
        }
    }
}
