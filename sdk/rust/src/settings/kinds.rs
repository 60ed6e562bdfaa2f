//! What settings are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use super::{Path, Settings, SettingsError, Value};
use crate::{Cluster, Country, HeaderName};

impl Settings for bool {
    const WANTED: &'static str = "`true` or `false`";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        if let Value::Bool(value) = value { Ok(*value) } else { Err(unexpected::<Self>(value, at)) }
    }
}

impl Settings for String {
    const WANTED: &'static str = "a text";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        text::<Self>(value, at).map(Self::from)
    }
}

macro_rules! numbers {
    ($($number:ty: $wanted:literal),* $(,)?) => {$(
        impl Settings for $number {
            const WANTED: &'static str = $wanted;

            fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
                let number = if let Value::Number(digits) = value { digits.parse().ok() } else { None };
                number.ok_or_else(|| unexpected::<Self>(value, at))
            }
        }
    )*};
}

numbers! {
    u8: "a whole number from 0 to 255",
    u16: "a whole number from 0 to 65535",
    u32: "a whole number, 0 or more",
    u64: "a whole number, 0 or more",
    usize: "a whole number, 0 or more",
    i32: "a whole number",
    i64: "a whole number",
}

impl Settings for f64 {
    const WANTED: &'static str = "a number of up to 15 digits";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        let number = if let Value::Number(digits) = value { decimal(digits) } else { None };
        number.ok_or_else(|| unexpected::<Self>(value, at))
    }
}

/// What people write as a number. `str::parse` knows more and is a tenth of a
/// guest, for its tables; where digits and power of ten are both exact floats,
/// one multiplication or division rounds as it does.
fn decimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
        None => (text, 0_i32),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (-1.0, mantissa),
        None => (1.0, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = 0_u64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        digits = digits * 10 + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        if digits >= 1_000_000_000_000_000 {
            return None;
        }
    }
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if whole.is_empty() || scale.unsigned_abs() > 22 {
        return None;
    }
    let power = (0..scale.unsigned_abs()).fold(1.0, |power, _| power * 10.0);
    let digits = digits as f64;
    Some(sign * if scale < 0 { digits / power } else { digits * power })
}

macro_rules! parsed {
    ($($type:ty: $wanted:literal),* $(,)?) => {$(
        impl Settings for $type {
            const WANTED: &'static str = $wanted;

            fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
                let parsed = text::<Self>(value, at)?.parse();
                parsed.map_err(|_illegal| unexpected::<Self>(value, at))
            }
        }
    )*};
}

parsed! {
    Cluster: "the name of a cluster",
    Country: "a country's two letters in upper case, like SE",
    HeaderName: "the name of a header",
}

impl FromStr for HeaderName {
    type Err = crate::IllegalHeaderName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl Settings for Duration {
    const WANTED: &'static str = "a duration, like 250ms, 10s, 5m, 12h or 30d";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        duration(text::<Self>(value, at)?).ok_or_else(|| unexpected::<Self>(value, at))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.find(|digit: char| !digit.is_ascii_digit())?)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

impl<T: Settings> Settings for Option<T> {
    const WANTED: &'static str = T::WANTED;

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        if *value == Value::Null { Ok(None) } else { T::read(value, at).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Settings> Settings for Box<T> {
    const WANTED: &'static str = T::WANTED;

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        T::read(value, at).map(Self::new)
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::new)
    }
}

/// Nothing to set.
impl Settings for () {
    const WANTED: &'static str = "nothing";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        if *value == Value::Null { Ok(()) } else { Err(unexpected::<Self>(value, at)) }
    }

    fn absent() -> Option<Self> {
        Some(())
    }
}

impl<T: Settings> Settings for Vec<T> {
    const WANTED: &'static str = "a list";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        let Value::List(items) = value else { return Err(unexpected::<Self>(value, at)) };
        items.iter().enumerate().map(|(index, item)| T::read(item, &at.item(index))).collect()
    }
}

impl Settings for Box<str> {
    const WANTED: &'static str = String::WANTED;

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        text::<Self>(value, at).map(Self::from)
    }
}

impl<T: Settings> Settings for Box<[T]> {
    const WANTED: &'static str = Vec::<T>::WANTED;

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        Vec::read(value, at).map(Self::from)
    }
}

impl<T: Settings + Ord> Settings for BTreeSet<T> {
    const WANTED: &'static str = "a list";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        Vec::read(value, at).map(Self::from_iter)
    }
}

impl<K: Settings + Ord, V: Settings> Settings for BTreeMap<K, V> {
    const WANTED: &'static str = "a map";

    // Not collected from a list: that would sort it, and sorting is eight kilobytes of code.
    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        let mut map = Self::new();
        each::<Self, K, V>(value, at, |key, held| map.insert(key, held).is_none())?;
        Ok(map)
    }
}

/// A map in the order in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered<K, V>(pub Vec<(K, V)>);

impl<K: Settings + PartialEq, V: Settings> Settings for Ordered<K, V> {
    const WANTED: &'static str = "a map";

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        let mut pairs: Vec<(K, V)> = Vec::new();
        each::<Self, K, V>(value, at, |key, held| {
            let new = pairs.iter().all(|(earlier, _)| *earlier != key);
            pairs.push((key, held));
            new
        })?;
        Ok(Self(pairs))
    }
}

/// Reads each field of a map, and keeps it where its name is not one that was kept before.
fn each<M: Settings, K: Settings, V: Settings>(
    value: &Value<'_>,
    at: &Path<'_>,
    mut keep: impl FnMut(K, V) -> bool,
) -> Result<(), SettingsError> {
    let Value::Map(fields) = value else { return Err(unexpected::<M>(value, at)) };
    for (name, value) in fields {
        let at = at.field(name);
        let key = K::read(&Value::Text(name.as_ref().into()), &at)?;
        if !keep(key, V::read(value, &at)?) {
            return Err(SettingsError::new(&at, "given twice"));
        }
    }
    Ok(())
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Deref for Ordered<K, V> {
    type Target = [(K, V)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A list, or one item that is written without the brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Settings> Settings for OneOrMany<T> {
    const WANTED: &'static str = T::WANTED;

    fn read(value: &Value<'_>, at: &Path<'_>) -> Result<Self, SettingsError> {
        if let Value::List(_) = value {
            Vec::read(value, at)
        } else {
            T::read(value, at).map(|one| vec![one])
        }
        .map(Self)
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

fn text<'v, T: Settings>(value: &'v Value<'_>, at: &Path<'_>) -> Result<&'v str, SettingsError> {
    if let Value::Text(text) = value { Ok(text) } else { Err(unexpected::<T>(value, at)) }
}

#[cold]
fn unexpected<T: Settings>(value: &Value<'_>, at: &Path<'_>) -> SettingsError {
    SettingsError::unexpected(at, value, T::WANTED)
}
