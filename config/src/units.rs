//! Numbers, sizes and durations, as written.

use std::time::Duration;

use edgeloom_core::units::{self, Bytes, Percent};
use serde_json::{Value, json};

use crate::written::{Leaf, texts};

texts! {
    Percent = "a share" like "20%" matching "^[0-9]{1,3}%$";
    Bytes = "a size" like "8MiB" matching "^[0-9]+(B|KiB|MiB|GiB)$";
}

impl Leaf for Duration {
    const NAME: &'static str = "a duration";
    const EXAMPLE: &'static str = "250ms";

    fn parse(text: &str) -> Result<Self, String> {
        units::duration(text).map_err(|error| error.to_string())
    }

    fn show(&self) -> Value {
        if self.is_zero() { "0s".into() } else { units::show_duration(*self).into() }
    }

    fn schema() -> Value {
        json!({ "type": "string", "examples": ["250ms", "10s"], "pattern": "^[0-9]+(us|ms|s|m|h)$" })
    }
}

impl Leaf for u32 {
    const NAME: &'static str = "a whole number";
    const EXAMPLE: &'static str = "2";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_not_a_number| "a whole number, such as `2`".to_owned())
    }

    fn show(&self) -> Value {
        (*self).into()
    }

    fn schema() -> Value {
        json!({ "type": "integer" })
    }
}

impl Leaf for bool {
    const NAME: &'static str = "`true` or `false`";
    const EXAMPLE: &'static str = "true";

    fn parse(text: &str) -> Result<Self, String> {
        text.to_ascii_lowercase().parse().map_err(|_neither| "write `true` or `false`".to_owned())
    }

    fn show(&self) -> Value {
        (*self).into()
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }

    fn what() -> String {
        Self::NAME.to_owned()
    }
}
