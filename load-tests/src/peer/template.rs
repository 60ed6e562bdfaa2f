//! A peer's configuration, with addresses and paths filled in.

use std::fmt::Display;

use anyhow::{Result, ensure};

/// Puts each value in the place of its `@NAME@`.
///
/// # Errors
///
/// Where one has no place, or a place has no value: the file and this program do not fit.
pub(super) fn fill(template: &str, values: &[(&str, &dyn Display)]) -> Result<String> {
    let mut text = template.to_owned();
    for (name, value) in values {
        let place = format!("@{name}@");
        ensure!(template.contains(&place), "the configuration has no place for {place}");
        text = text.replace(&place, &value.to_string());
    }
    let open = places(template).find(|place| values.iter().all(|(name, _)| name != place));
    match open {
        Some(place) => anyhow::bail!("nothing is filled in for @{place}@ in the configuration"),
        None => Ok(text),
    }
}

/// What stands between two `@` and is a name.
fn places(template: &str) -> impl Iterator<Item = &str> {
    let is_name =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    template.split('@').filter(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places() {
        let template = "listen @LISTEN@; \"@type\": x; also @LISTEN@, in @FOLDER@";
        let filled = fill(template, &[("LISTEN", &80), ("FOLDER", &"/a")]).unwrap();
        assert_eq!(filled, "listen 80; \"@type\": x; also 80, in /a");
    }

    #[test]
    fn neither_a_value_nor_a_place_is_left_over() {
        let error = fill("listen @LISTEN@", &[]).unwrap_err();
        assert_eq!(error.to_string(), "nothing is filled in for @LISTEN@ in the configuration");
        let error = fill("listen 80", &[("LISTEN", &80)]).unwrap_err();
        assert_eq!(error.to_string(), "the configuration has no place for @LISTEN@");
    }
}
