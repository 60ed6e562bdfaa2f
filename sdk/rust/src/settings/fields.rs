use super::{Path, Settings, SettingsError, Value};

/// The fields of a map, while a struct is read from them. For code written by `#[derive(Settings)]`.
#[derive(Debug)]
pub struct Fields<'a> {
    value: &'a Value<'a>,
    at: &'a Path<'a>,
}

impl<'a> Fields<'a> {
    /// Opens a map that may have these fields only. Nothing at all is a map without fields.
    ///
    /// # Errors
    ///
    /// Where it is no map, has another field, or one of them twice.
    pub fn open(value: &'a Value<'a>, at: &'a Path<'a>, known: &[&str]) -> Result<Self, SettingsError> {
        let fields = match value {
            Value::Map(fields) => fields.as_slice(),
            Value::Null => &[],
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                return Err(SettingsError::unexpected(at, value, &map_of(known)));
            }
        };
        for (index, (name, _)) in fields.iter().enumerate() {
            if !known.contains(&&**name) {
                return Err(unknown(at, name, known));
            }
            if fields.iter().take(index).any(|(earlier, _)| earlier == name) {
                return Err(SettingsError::new(&at.field(name), "given twice"));
            }
        }
        Ok(Self { value, at })
    }

    /// Reads this field.
    ///
    /// # Errors
    ///
    /// Where it is missing and may not be, or is not what was wanted.
    pub fn read<T: Settings>(&self, name: &str) -> Result<T, SettingsError> {
        match self.find(name) {
            Some(value) => T::read(value, &self.at.field(name)),
            None => T::absent().ok_or_else(|| missing(&self.at.field(name), T::WANTED)),
        }
    }

    /// Reads this field, or takes its default where it is missing.
    ///
    /// # Errors
    ///
    /// Where it is not what was wanted.
    pub fn read_or<T: Settings>(&self, name: &str, default: impl FnOnce() -> T) -> Result<T, SettingsError> {
        match self.find(name) {
            Some(value) => T::read(value, &self.at.field(name)),
            None => Ok(default()),
        }
    }

    fn find(&self, name: &str) -> Option<&'a Value<'a>> {
        let Value::Map(fields) = self.value else { return None };
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// The name of a variant and what it holds, if anything. For code written by `#[derive(Settings)]`.
///
/// # Errors
///
/// Where it is neither a text nor a map with one field.
pub fn variant<'a>(
    value: &'a Value<'a>,
    at: &Path<'_>,
    wanted: &str,
) -> Result<(&'a str, Option<&'a Value<'a>>), SettingsError> {
    match value {
        Value::Text(name) => Ok((name, None)),
        Value::Map(fields) => match fields.as_slice() {
            [(name, value)] => Ok((name, Some(value))),
            _ => Err(SettingsError::new(at, ["found a map of several, wanted ", wanted].concat())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => {
            Err(SettingsError::unexpected(at, value, wanted))
        }
    }
}

#[cold]
fn missing(at: &Path<'_>, wanted: &str) -> SettingsError {
    SettingsError::new(at, ["missing, wanted ", wanted].concat())
}

#[cold]
fn unknown(at: &Path<'_>, name: &str, known: &[&str]) -> SettingsError {
    let problem = match known.iter().find(|known| alike(known, name)) {
        Some(meant) => ["no such setting; did you mean `", meant, "`?"].concat(),
        None if known.is_empty() => "no such setting; there are none".into(),
        None => ["no such setting; there are `", &known.join("`, `"), "`"].concat(),
    };
    SettingsError::new(&at.field(name), problem)
}

fn map_of(known: &[&str]) -> String {
    ["a map of `", &known.join("`, `"), "`"].concat()
}

/// Whether a letter or two, swapped, missed or mistaken, make one of the other: what fingers do.
fn alike(known: &str, name: &str) -> bool {
    let same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b'-');
    let (mut a, mut b) = (known.as_bytes(), name.as_bytes());
    while let ([x, left @ ..], [y, right @ ..]) = (a, b) {
        if !same(*x, *y) {
            break;
        }
        (a, b) = (left, right);
    }
    while let ([left @ .., x], [right @ .., y]) = (a, b) {
        if !same(*x, *y) {
            break;
        }
        (a, b) = (left, right);
    }
    let slack = if known.len() > 4 { 2 } else { 1 };
    a.len() <= slack && b.len() <= slack
}
