//! Values with placeholders: `${name}`, `${name:-fallback}`; `$${` stands for `${` itself.

use std::borrow::Cow;

use edgeloom_sdk::Settings;
use edgeloom_sdk::when::Source;

use crate::slot::{Slot, Slots};

/// A header's value, parsed once. Its slots are numbered.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece<usize>>);

/// The same, as it was read: its slots are named.
#[derive(Debug, PartialEq, Settings)]
#[settings(from = String)]
pub(crate) struct Named(Vec<Piece<Slot>>);

#[derive(Debug, PartialEq)]
enum Piece<S> {
    Text(Box<str>),
    Slot(S, Box<str>),
    /// Nothing, but without an encrypted connection there is no value at all.
    Encrypted(S),
}

impl Template {
    /// The value. `None` where placeholders leave nothing of it: such a header is not sent.
    pub(crate) fn render(&self, values: &[Option<Vec<u8>>]) -> Option<Cow<'_, [u8]>> {
        if let [Piece::Text(text)] = self.0.as_slice() {
            return Some(Cow::Borrowed(text.as_bytes()));
        }
        let mut rendered = Vec::new();
        let mut slots = false;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => rendered.extend_from_slice(text.as_bytes()),
                Piece::Slot(at, fallback) => {
                    slots = true;
                    let value = values.get(*at).and_then(Option::as_deref).filter(|value| !value.is_empty());
                    rendered.extend_from_slice(value.unwrap_or(fallback.as_bytes()));
                }
                Piece::Encrypted(at) => {
                    let scheme = values.get(*at).and_then(Option::as_deref);
                    scheme.filter(|scheme| *scheme == b"https")?;
                }
            }
        }
        (!rendered.is_empty() || !slots).then_some(Cow::Owned(rendered))
    }
}

impl Named {
    /// A value without placeholders.
    pub(crate) fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// A value that is sent only where the client's connection is encrypted.
    pub(crate) fn encrypted(self) -> Self {
        let Self(mut pieces) = self;
        pieces.push(Piece::Encrypted(Slot::Request(Source::ClientScheme)));
        Self(pieces)
    }

    /// Numbers the slots.
    pub(crate) fn number(self, slots: &mut Slots) -> Template {
        let pieces = self.0.into_iter().map(|piece| match piece {
            Piece::Text(text) => Piece::Text(text),
            Piece::Slot(slot, fallback) => Piece::Slot(slots.number(slot), fallback),
            Piece::Encrypted(slot) => Piece::Encrypted(slots.number(slot)),
        });
        Template(pieces.collect())
    }
}

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written.chars().any(char::is_control) {
            return Err("a header's value has no line breaks or other control characters".into());
        }
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut left = &*written;
        while let Some((before, after)) = left.split_once("${") {
            left = after;
            if let Some(before) = before.strip_suffix('$') {
                text.extend([before, "${"]);
                continue;
            }
            let (slot, after) =
                after.split_once('}').ok_or("`${` without `}`; the characters themselves are `$${`")?;
            let (name, fallback) = slot.split_once(":-").unwrap_or((slot, ""));
            text.push_str(before);
            pieces.push(Piece::Text(std::mem::take(&mut text).into()));
            pieces.push(Piece::Slot(Slot::parse(name)?, fallback.into()));
            left = after;
        }
        text.push_str(left);
        pieces.push(Piece::Text(text.into()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, known: &[(&str, &str)]) -> Option<String> {
        let known = known.iter().map(|(name, value)| (Slot::parse(name).unwrap(), value.as_bytes().to_vec()));
        let known: Vec<_> = known.collect();
        let mut slots = Slots::default();
        let template = Named::try_from(template.to_owned()).unwrap().number(&mut slots);
        let values =
            slots.fill(|slot| known.iter().find(|(known, _)| known == slot).map(|(_, value)| value.clone()));
        template.render(&values).map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
    }

    #[test]
    fn placeholders_are_filled_in() {
        let known = [("geo.country", "SE"), ("request.id", "7"), ("header.x", "")];
        for (template, rendered) in [
            ("plain", Some("plain")),
            ("", Some("")),
            ("${geo.country}", Some("SE")),
            ("a${geo.country}b${request.id}c${geo.country}", Some("aSEb7cSE")),
            ("${fact.geo.country}", Some("SE")),
            ("${geo.city:-nowhere}", Some("nowhere")),
            ("${geo.country:-nowhere}", Some("SE")),
            ("${header.x:-nothing is missing}", Some("nothing is missing")),
            ("${geo.city}", None),
            ("${geo.city}${header.x}", None),
            ("city=${geo.city}", Some("city=")),
            ("$5 $${geo.country} $", Some("$5 ${geo.country} $")),
            ("$$${geo.country}", Some("$${geo.country}")),
        ] {
            assert_eq!(render(template, &known).as_deref(), rendered, "{template}");
        }
    }

    #[test]
    fn a_slot_is_asked_for_once() {
        let mut slots = Slots::default();
        for template in ["${header.a} ${header.b}", "${header.b} ${header.a} ${response.status}"] {
            Named::try_from(template.to_owned()).unwrap().number(&mut slots);
        }
        assert_eq!(slots.iter().count(), 3);
    }

    #[test]
    fn mistakes_are_told() {
        for (template, told) in [
            ("${clint.ip}", "nothing is called `clint.ip`; there are client.ip"),
            ("${client.ip", "`${` without `}`"),
            ("${}", "nothing is called ``"),
            ("${header.x y}", "`x y` is not a header name"),
            ("${response.header.}", "`response.header.`: not a header name"),
            ("a\r\nb", "a header's value has no line breaks"),
        ] {
            let error = Named::try_from(template.to_owned()).unwrap_err();
            assert!(error.starts_with(told), "{template}: {error}");
        }
    }
}
