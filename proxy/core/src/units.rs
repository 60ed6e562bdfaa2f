//! Sizes, durations and shares as people write them: `1MiB`, `250ms`, `20%`.

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

/// A share, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent(pub u32);

impl Percent {
    /// That share of so many, rounded down.
    pub fn of(self, count: usize) -> usize {
        count.saturating_mul(self.0 as usize) / 100
    }
}

/// Why a size, a duration or a share could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("a size is a whole number and a unit, such as `64KiB` or `8MiB`")]
    Size,
    #[error("a duration is a whole number and a unit, such as `250ms` or `10s`")]
    Duration,
    #[error("a share is a whole number from 0 to 100 and `%`, such as `20%`")]
    Share,
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

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let share = read(text, &[("%", 1)]).and_then(|share| u32::try_from(share).ok());
        share.filter(|share| *share <= 100).map(Self).ok_or(UnitError::Share)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
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
    fn shares_are_read_and_written() {
        for text in ["0%", "20%", "100%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        for text in ["", "20", "%", "101%", "1.5%", "-1%", "20 %"] {
            assert_eq!(text.parse::<Percent>(), Err(UnitError::Share), "{text}");
        }
        assert_eq!((Percent(50).of(3), Percent(100).of(3), Percent(0).of(3)), (1, 3, 0));
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
