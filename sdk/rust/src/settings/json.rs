//! JSON, as small as a guest wants it.

use std::borrow::Cow;

use super::{Path, SettingsError};

/// A value as it was written. Numbers stay text until a field asks for one.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'j> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its digits.
    Number(&'j str),
    /// A text.
    Text(Cow<'j, str>),
    /// A list.
    List(Vec<Self>),
    /// A map, in the order in which it was written.
    Map(Vec<(Cow<'j, str>, Self)>),
}

impl Value<'_> {
    /// For messages: `the text `never``.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(true) => "`true`".into(),
            Self::Bool(false) => "`false`".into(),
            Self::Number(digits) => ["the number ", digits].concat(),
            Self::Text(text) => ["the text `", &shortened(text), "`"].concat(),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a map".into(),
        }
    }
}

/// A message is for people: forty characters tell which text is meant.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => [text.get(..end).unwrap_or(text), "…"].concat().into(),
        None => text.into(),
    }
}

/// How deep lists and maps may be nested: each level is a frame on a guest's small stack.
const DEPTH_MAX: usize = 32;

pub(crate) fn parse(text: &str) -> Result<Value<'_>, SettingsError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.blanks();
    if parser.at == text.len() { Ok(value) } else { Err(parser.problem()) }
}

struct Parser<'j> {
    text: &'j str,
    at: usize,
    depth: usize,
}

impl<'j> Parser<'j> {
    fn value(&mut self) -> Result<Value<'j>, SettingsError> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number())),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(_) | None => Err(self.problem()),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'j>, SettingsError>,
    ) -> Result<Value<'j>, SettingsError> {
        if self.depth == DEPTH_MAX {
            return Err(SettingsError::new(&Path::Root, "nested more than 32 levels deep"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn map(&mut self) -> Result<Value<'j>, SettingsError> {
        let mut fields: Vec<(Cow<'j, str>, Value<'j>)> = Vec::new();
        if self.eat(b'}') {
            return Ok(Value::Map(fields));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            if !self.eat(b':') {
                return Err(self.problem());
            }
            fields.push((name, self.value()?));
            if self.eat(b'}') {
                return Ok(Value::Map(fields));
            }
            if !self.eat(b',') {
                return Err(self.problem());
            }
        }
    }

    fn list(&mut self) -> Result<Value<'j>, SettingsError> {
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.problem());
            }
        }
    }

    /// A text; copied only where it has escapes.
    fn string(&mut self) -> Result<Cow<'j, str>, SettingsError> {
        if self.peek() != Some(b'"') {
            return Err(self.problem());
        }
        self.at += 1;
        let mut copy = None;
        let mut start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let piece = self.since(start);
                    self.at += 1;
                    return Ok(match copy {
                        None => Cow::Borrowed(piece),
                        Some(copy) => Cow::Owned(copy + piece),
                    });
                }
                Some(b'\\') => {
                    let piece = self.since(start);
                    let copy: &mut String = copy.get_or_insert_default();
                    copy.push_str(piece);
                    self.at += 1;
                    copy.push(self.escape()?);
                    start = self.at;
                }
                Some(0..0x20) | None => return Err(self.problem()),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, SettingsError> {
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(literal @ (b'"' | b'\\' | b'/')) => char::from(literal),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            Some(_) | None => return Err(self.problem()),
        })
    }

    /// `XXXX`, or both halves of a character beyond the first plane (RFC 8259 section 7).
    fn code_point(&mut self) -> Result<char, SettingsError> {
        let high = self.hex4()?;
        let code = match high {
            0xd800..0xdc00 if self.since_is("\\u") => {
                self.at += 2;
                let low = self.hex4()?;
                0x1_0000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00) % 0x400
            }
            _ => high,
        };
        char::from_u32(code).ok_or_else(|| self.problem())
    }

    fn hex4(&mut self) -> Result<u32, SettingsError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| !digits.starts_with('+'));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.problem())
    }

    /// Everything that may be in a number; the field that wants one checks it.
    fn number(&mut self) -> &'j str {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') = self.peek() {
            self.at += 1;
        }
        self.since(start)
    }

    fn word(&mut self, word: &str, value: Value<'j>) -> Result<Value<'j>, SettingsError> {
        if !self.since_is(word) {
            return Err(self.problem());
        }
        self.at += word.len();
        Ok(value)
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> &'j str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn since_is(&self, wanted: &str) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(wanted))
    }

    #[cold]
    fn problem(&self) -> SettingsError {
        SettingsError::new(&Path::Root, ["not JSON at byte ", &self.at.to_string()].concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_every_kind() {
        let text =
            r#" { "a" : [1, -2.5e3, true, false, null], "b":{}, "c":"x\n\"\u00e5\ud83d\ude00", "d":[] } "#;
        let Value::Map(fields) = parse(text).unwrap() else { panic!("a map") };
        assert_eq!(
            fields[0].1,
            Value::List(vec![
                Value::Number("1"),
                Value::Number("-2.5e3"),
                Value::Bool(true),
                Value::Bool(false),
                Value::Null
            ])
        );
        assert_eq!(fields[1].1, Value::Map(vec![]));
        assert_eq!(fields[2].1, Value::Text("x\n\"å😀".into()));
        assert_eq!(fields[3].1, Value::List(vec![]));
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        assert!(matches!(parse("\"blå\"").unwrap(), Value::Text(Cow::Borrowed("blå"))));
    }

    #[test]
    fn what_is_not_json_is_refused_and_located() {
        for text in [
            "",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,",
            "[1 2]",
            "\"",
            "\"\\x\"",
            "\"\\ud83d\"",
            "\"\\u+123\"",
            "\"\\ud83d\\u0041",
            "nul",
            "1 2",
            "{1:2}",
            "'a'",
            "\"a\nb\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("[1 2]").unwrap_err().to_string(), "not JSON at byte 3");
    }

    fn theirs(value: &Value<'_>) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            // Not by `serde_json`, which reads floats to within a rounding.
            Value::Number(digits) => match digits.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => digits.parse::<f64>().unwrap().into(),
            },
            Value::Text(text) => text.as_ref().into(),
            Value::List(items) => items.iter().map(theirs).collect(),
            Value::Map(fields) => {
                fields.iter().map(|(name, value)| (name.clone().into_owned(), theirs(value))).collect()
            }
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9..1e9).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_the_proxy_writes_is_read_as_it_was_meant(value in any_json()) {
            let (plain, spaced) = (value.to_string(), format!("{value:#}"));
            prop_assert_eq!(&theirs(&parse(&plain).unwrap()), &value);
            prop_assert_eq!(&theirs(&parse(&spaced).unwrap()), &value);
        }

        #[test]
        fn whatever_comes_in_nothing_worse_than_an_error_comes_out(text in "[\\[\\]{}:,\"\\\\u0-9a-fé \\-+.]{0,24}") {
            let accepted = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert!(!accepted || parse(&text).is_ok());
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(parse(&("[".repeat(32) + &"]".repeat(32))).is_ok());
        assert!(parse(&("[".repeat(33) + &"]".repeat(33))).is_err());
    }
}
