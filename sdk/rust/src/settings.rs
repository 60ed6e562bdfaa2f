//! A filter's settings: what the operator wrote under `settings:`, read once, when the filter is loaded.
//!
//! `#[derive(Settings)]` reads a struct from a map, field by field, and an enum from the name of a
//! variant (in `snake_case`), or from a map of that name to what the variant holds. Unknown fields
//! are refused; a missing field is an error unless it is an `Option`, or has a default:
//!
//! ```
//! use std::time::Duration;
//! use edgeloom_sdk::Settings;
//!
//! #[derive(Settings, Debug, PartialEq)]
//! struct Throttle {
//!     path: String,
//!     #[settings(default = Duration::from_secs(1))]
//!     every: Duration,
//!     #[settings(default)]
//!     mode: Mode,
//! }
//!
//! #[derive(Settings, Debug, PartialEq, Default)]
//! enum Mode {
//!     #[default]
//!     Enforce,
//!     ReportOnly,
//! }
//!
//! let throttle = Throttle::from_yaml("{ path: /login, every: 250ms, mode: report_only }").unwrap();
//! assert_eq!(throttle.mode, Mode::ReportOnly);
//!
//! let wrong = Throttle::from_yaml("{ path: /login, mode: never }").unwrap_err();
//! assert_eq!(wrong.to_string(), "`mode`: found the text `never`, wanted `enforce` or `report_only`");
//! ```
//!
//! # Attributes
//!
//! | on | attribute | means |
//! |---|---|---|
//! | field | `default` | `Default::default()` where it is missing |
//! | field | `default = expression` | this value where it is missing |
//! | field | `skip` | not read: `Default::default()`, for what is derived from the other fields |
//! | field, variant | `rename = "name"` | the operator writes this name |
//! | type | `validate = path` | `fn(&mut Self) -> Result<(), E>` is called when it has been read |
//! | type | `from = Raw` | `Raw` is read, then `TryFrom<Raw>` makes this type |
//!
//! With `from`, a text becomes a checked type, and a filter does its slow work once:
//!
//! ```
//! use edgeloom_sdk::Settings;
//!
//! #[derive(Settings, Debug)]
//! #[settings(from = String)]
//! struct Percent(u32);
//!
//! impl TryFrom<String> for Percent {
//!     type Error = &'static str;
//!
//!     fn try_from(text: String) -> Result<Self, Self::Error> {
//!         let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
//!         number.filter(|number| *number <= 100).map(Self).ok_or("wanted a percentage, like 25%")
//!     }
//! }
//!
//! assert_eq!(Percent::from_json("\"25%\"").unwrap().0, 25);
//! let wrong = Percent::from_json("\"125%\"").unwrap_err();
//! assert_eq!(wrong.to_string(), "wanted a percentage, like 25%");
//! ```

mod fields;
mod json;
mod kinds;
mod path;

pub use fields::{Fields, variant};
pub use json::Value;
pub use kinds::{OneOrMany, Ordered};
pub use path::Path;

use std::fmt;

/// What can be read from settings. `#[derive(Settings)]` writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be read from settings",
    note = "add `#[derive(Settings)]` to it"
)]
pub trait Settings: Sized {
    /// What an operator should write here, to follow "wanted".
    const WANTED: &'static str;

    /// Reads this value, which stands at this place.
    ///
    /// # Errors
    ///
    /// Where it is not what was wanted.
    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError>;

    /// What it is where it is missing; `None` where it may not be.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Reads settings as the proxy hands them over: the YAML under `settings:` as JSON.
    ///
    /// # Errors
    ///
    /// Names the field by its path, what was found there and what was wanted.
    fn from_json(text: &str) -> Result<Self, SettingsError> {
        Self::read(&json::parse(text)?, &Path::Root)
    }

    /// Reads settings as an operator writes them. For tests: there is no YAML reader in a guest.
    ///
    /// # Errors
    ///
    /// As for [`from_json`](Self::from_json); and where the text is not YAML.
    #[cfg(not(target_arch = "wasm32"))]
    fn from_yaml(text: &str) -> Result<Self, SettingsError> {
        // As in the proxy's own configuration: `NO` is Norway, not `false`.
        let options = serde_saphyr::options! { strict_booleans: true };
        let value: serde_json::Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| SettingsError::new(&Path::Root, error.to_string()))?;
        Self::from_json(&value.to_string())
    }
}

/// What is wrong with settings: one sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(String);

impl SettingsError {
    /// Something about the value at this place.
    #[must_use]
    pub fn new(at: &Path<'_>, problem: impl AsRef<str>) -> Self {
        let mut text = at.quoted();
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(problem.as_ref());
        Self(text)
    }

    /// Another value than the one wanted.
    #[must_use]
    pub fn unexpected(at: &Path<'_>, found: &Value<'_>, wanted: &str) -> Self {
        Self::new(at, ["found ", &found.description(), ", wanted ", wanted].concat())
    }

    /// The sentence.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests;
