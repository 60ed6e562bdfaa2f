//! Sizes and durations as people write them: `1MiB`, `250ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    pub const fn kib(n: u64) -> Self {
        Self(n * 1024)
    }

    pub const fn mib(n: u64) -> Self {
        Self(n * 1024 * 1024)
    }
}

/// Why a size or a duration could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("a size is a whole number and a unit, such as `64KiB` or `8MiB`")]
    Size,
    #[error("a duration is a whole number and a unit, such as `250ms` or `10s`")]
    Duration,
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const DURATIONS: [(&str, u64); 5] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        read(text, &SIZES).map(Self).ok_or(UnitError::Size)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = SIZES
            .into_iter()
            .find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

/// Reads `250ms`, `10s`, `5m`, `1h`, `800us`.
///
/// # Errors
///
/// Where the text is not a whole number and one of these units, or too large.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    read(text, &DURATIONS).map(Duration::from_micros).ok_or(UnitError::Duration)
}

/// Writes a duration so that [`duration`] reads it back, to the microsecond.
pub fn show_duration(duration: Duration) -> String {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (unit, scale) = DURATIONS
        .into_iter()
        .rev()
        .find(|(_, scale)| micros >= *scale && micros.is_multiple_of(*scale))
        .unwrap_or(("us", 1));
    format!("{}{unit}", micros / scale)
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(known, _)| *known == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for text in ["0B", "17B", "64KiB", "8MiB", "2GiB", "1025B"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        for text in ["", "8", "MiB", "8 MiB", "8MB", "-1B", "99999999999999GiB"] {
            assert_eq!(text.parse::<Bytes>(), Err(UnitError::Size), "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for text in ["800us", "250ms", "10s", "5m", "1h"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        for text in ["", "10", "s", "1.5s", "1d"] {
            assert_eq!(duration(text), Err(UnitError::Duration), "{text}");
        }
    }
}
