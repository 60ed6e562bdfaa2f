//! One value: a text, a number, a word.

use serde_json::Value;

use super::Written;
use crate::problem::{Problem, Problems, closest};
use crate::tree::{Node, Tree};

/// A form of one value.
pub(crate) trait Leaf: Sized {
    /// "a duration"
    const NAME: &'static str;
    const EXAMPLE: &'static str;

    /// # Errors
    ///
    /// What would have been right, for the place beside the caret.
    fn parse(text: &str) -> Result<Self, String>;
    fn show(&self) -> Value;
    fn schema() -> Value;

    fn what() -> String {
        format!("{}, such as `{}`", Self::NAME, Self::EXAMPLE)
    }

    /// What is wrong with the value beyond its form.
    fn check(&self, _text: &str) -> Result<(), Problem> {
        Ok(())
    }
}

impl<T: Leaf> Written for T {
    fn what() -> String {
        <T as Leaf>::what()
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Tree::Scalar { text, .. } = &node.tree else {
            problems.push(node.span, Problem::wrong_shape::<T>(node));
            return None;
        };
        let malformed = |why| Problem::Malformed { text: text.clone(), name: T::NAME, why };
        let read = T::parse(text).map_err(malformed);
        match read.and_then(|value| value.check(text).map(|()| value)) {
            Ok(value) => Some(value),
            Err(problem) => {
                problems.push(node.span, problem);
                None
            }
        }
    }

    fn show(&self) -> Value {
        Leaf::show(self)
    }

    fn schema() -> Value {
        <T as Leaf>::schema()
    }
}

/// Forms that are texts: read with `FromStr`, shown with `Display`. What is
/// wrong is said by the error, or by the sentence after `or`.
macro_rules! texts {
    ($($form:ty = $name:literal like $example:literal $(or $wanted:literal)? $(matching $pattern:literal)?;)+) => { $(
        impl $crate::written::Leaf for $form {
            const NAME: &'static str = $name;
            const EXAMPLE: &'static str = $example;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse::<Self>().map_err(|error| $crate::written::wanted!(error $(, $wanted)?))
            }

            fn show(&self) -> serde_json::Value {
                self.to_string().into()
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "examples": [$example] $(, "pattern": $pattern)? })
            }
        }
    )+ };
}

macro_rules! wanted {
    ($error:ident) => {
        $error.to_string()
    };
    ($error:ident, $wanted:literal) => {{
        let _ = $error;
        $wanted.to_owned()
    }};
}

/// Forms that are one of a few words.
macro_rules! words {
    ($($form:ty = $name:literal $(or $full:literal)? { $($word:literal => $value:path),+ $(,)? })+) => { $(
        impl $crate::written::Leaf for $form {
            const NAME: &'static str = $name;
            const EXAMPLE: &'static str = [$($word),+][0];

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err($crate::written::other_word(text, &[$($word),+]) $(+ ", or " + $full)?),
                }
            }

            fn show(&self) -> serde_json::Value {
                match *self {
                    $($value => $word.into(),)+
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),+] })
            }

            fn what() -> String {
                $name.to_owned()
            }
        }
    )+ };
}

/// Values within bounds, and the reason for them.
macro_rules! bounded {
    ($($form:ident($inner:ty) = $name:literal from $least:expr, to $most:expr, because $reason:literal;)+) => { $(
        #[doc = $reason]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $form(pub(crate) $inner);

        impl $crate::written::Leaf for $form {
            const NAME: &'static str = <$inner as $crate::written::Leaf>::NAME;
            const EXAMPLE: &'static str = <$inner as $crate::written::Leaf>::EXAMPLE;

            fn parse(text: &str) -> Result<Self, String> {
                <$inner as $crate::written::Leaf>::parse(text).map(Self)
            }

            fn show(&self) -> serde_json::Value {
                $crate::written::Leaf::show(&self.0)
            }

            fn schema() -> serde_json::Value {
                $crate::written::within_schema::<$inner>(&$least, &$most)
            }

            fn what() -> String {
                format!("{} from {} to {}", Self::NAME, $crate::written::plain(&$least), $crate::written::plain(&$most))
            }

            fn check(&self, text: &str) -> Result<(), $crate::problem::Problem> {
                let range = $least..=$most;
                let (direction, bound) = if range.contains(&self.0) {
                    return Ok(());
                } else if self.0 > *range.end() {
                    ("more than", format!("at most {}", $crate::written::plain(range.end())))
                } else {
                    ("less than", format!("at least {}", $crate::written::plain(range.start())))
                };
                let text = text.to_owned();
                Err($crate::problem::Problem::OutOfBounds { text, name: $name, direction, bound, reason: $reason })
            }
        }
    )+ };
}

pub(crate) use {bounded, texts, wanted, words};

pub(crate) fn other_word(text: &str, words: &[&str]) -> String {
    match closest(text, words) {
        Some(word) => format!("did you mean `{word}`?"),
        None => {
            format!("write {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "))
        }
    }
}

/// Numbers are bounded for editors, too; durations and sizes are texts to them.
pub(crate) fn within_schema<T: Leaf>(least: &T, most: &T) -> Value {
    let mut schema = T::schema();
    if let (Some(fields), Value::Number(least), Value::Number(most)) =
        (schema.as_object_mut(), least.show(), most.show())
    {
        fields.insert("minimum".to_owned(), Value::Number(least));
        fields.insert("maximum".to_owned(), Value::Number(most));
    }
    schema
}

/// A value as it would be written, without quotes.
pub(crate) fn plain(value: &impl Leaf) -> String {
    match value.show() {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
