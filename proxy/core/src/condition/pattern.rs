//! Regular expressions, as far as they can be matched in linear time.

use std::fmt;
use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};

use crate::limits::PATTERN_SIZE_MAX;

/// A regular expression. It looks for a match anywhere: `^` and `$` anchor it.
///
/// The syntax is that of the crate `regex-lite`: no look-around and no
/// back-references, so the time to match is bounded by the length of the text
/// times the size of the expression; classes such as `\d` are ASCII.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// What follows the `~ ` that marks a pattern among texts.
pub(super) fn after_tilde(text: &str) -> Option<&str> {
    text.strip_prefix("~ ").map(str::trim_start)
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("after `~ ` comes a regular expression, as in `~ ^/p/[0-9]+$`")]
    Empty,
    /// In the words of the crate `regex-lite`.
    #[error("not a regular expression: {0}")]
    Illegal(String),
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        RegexBuilder::new(text)
            .size_limit(PATTERN_SIZE_MAX)
            .build()
            .map(Self)
            .map_err(|error| PatternError::Illegal(error.to_string()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Patterns are equal where they are written alike.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}
