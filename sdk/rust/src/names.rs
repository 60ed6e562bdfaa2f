//! Names that an operator writes and a filter holds, checked where they are read.

use std::fmt;
use std::str::FromStr;

/// The name of a cluster. Which of them a filter may route to is granted by the operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cluster(Box<str>);

impl Cluster {
    /// The name as the operator wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Cluster {
    type Err = IllegalName;

    fn from_str(name: &str) -> Result<Self, IllegalName> {
        let legal = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if legal { Ok(Self(name.into())) } else { Err(IllegalName("the name of a cluster")) }
    }
}

impl AsRef<str> for Cluster {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A country by its ISO 3166-1 alpha-2 code, upper case: `SE`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Two upper-case letters by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = IllegalName;

    fn from_str(code: &str) -> Result<Self, IllegalName> {
        match *code.as_bytes() {
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => Ok(Self([first, second])),
            _ => Err(IllegalName("a country's two letters in upper case, like SE")),
        }
    }
}

impl AsRef<str> for Country {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not the name it should be; says what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalName(&'static str);

impl fmt::Display for IllegalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wanted ")?;
        f.write_str(self.0)
    }
}

impl std::error::Error for IllegalName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_upper_case_letters() {
        assert_eq!("SE".parse::<Country>().unwrap().as_str(), "SE");
        for illegal in ["se", "S", "SWE", "", "S1", "É"] {
            assert!(illegal.parse::<Country>().is_err(), "{illegal}");
        }
    }

    #[test]
    fn a_cluster_has_a_name_without_blanks() {
        assert_eq!("north".parse::<Cluster>().unwrap().as_str(), "north");
        assert!("".parse::<Cluster>().is_err());
        assert!("north south".parse::<Cluster>().is_err());
    }
}
