//! Conditions on the value of a header or of a query parameter.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::pattern::{self, Pattern, PatternError};

/// Which values: `*` (any), `!` (none may be there), `~ pattern`, or the text to equal.
///
/// Case matters. A value that is not UTF-8 matches no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuePattern {
    Present,
    Absent,
    Equal(Box<str>),
    Matches(Pattern),
}

impl ValuePattern {
    /// Whether one of these values is meant or, for [`Absent`](Self::Absent), whether there is none.
    pub(super) fn is_met_by<'v>(&self, mut values: impl Iterator<Item = Cow<'v, [u8]>>) -> bool {
        match self {
            Self::Present => values.next().is_some(),
            Self::Absent => values.next().is_none(),
            Self::Equal(text) => values.any(|value| *value == *text.as_bytes()),
            Self::Matches(pattern) => {
                values.any(|value| std::str::from_utf8(&value).is_ok_and(|value| pattern.is_match(value)))
            }
        }
    }
}

/// Why a text is not a value pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValuePatternError {
    #[error(
        "`!` stands alone and means that there is none; for a text that begins with `!` write a pattern, as in `~ ^!x$`"
    )]
    Bang,
    #[error("a pattern begins with `~` and a space; for a text that begins with `~` write `~ ^~x$`")]
    Tilde,
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl FromStr for ValuePattern {
    type Err = ValuePatternError;

    fn from_str(text: &str) -> Result<Self, ValuePatternError> {
        match text {
            "*" => Ok(Self::Present),
            "!" => Ok(Self::Absent),
            _ => match pattern::after_tilde(text) {
                Some(pattern) => Ok(Self::Matches(pattern.parse()?)),
                None if text.starts_with('~') => Err(ValuePatternError::Tilde),
                None if text.starts_with('!') => Err(ValuePatternError::Bang),
                None => Ok(Self::Equal(text.into())),
            },
        }
    }
}

impl fmt::Display for ValuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("*"),
            Self::Absent => f.write_str("!"),
            Self::Equal(text) => f.write_str(text),
            Self::Matches(pattern) => write!(f, "~ {pattern}"),
        }
    }
}
