//! Where clients are, by a city database in the flat layout.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use http::HeaderValue;
use maxminddb::Reader;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;

/// The database, in memory.
pub(super) struct Places(Reader<Vec<u8>>);

/// What is known of a place, ready for headers.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) country: Option<HeaderValue>,
    pub(super) city: Option<HeaderValue>,
}

/// The part of a record that is asked for, read where it lies.
#[derive(Deserialize)]
struct Record<'db> {
    #[serde(borrow, default)]
    country_code: &'db str,
    #[serde(borrow, default)]
    city: &'db str,
}

impl Places {
    /// # Errors
    ///
    /// Where it is no such database; names the file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let reader = Reader::open_readfile(path);
        Ok(Self(reader.with_context(|| format!("the database {} can not be read", path.display()))?))
    }

    pub(super) fn find(&self, client: IpAddr) -> Place {
        // An error is an IPv6 address in a database of IPv4: nothing is known of it.
        let record = self.0.lookup(client).and_then(|found| found.decode::<Record<'_>>());
        let Ok(Some(record)) = record else { return Place::default() };
        // DB-IP's country of networks that belong to none is `ZZ`.
        let country = if record.country_code == "ZZ" { "" } else { record.country_code };
        Place { country: value(country), city: value(record.city) }
    }
}

/// The text as a header has it: what is not visible ASCII or a space is percent-encoded, as by the
/// `geo` filter.
fn value(text: &str) -> Option<HeaderValue> {
    if text.is_empty() {
        return None;
    }
    let encoded: Cow<'_, str> = utf8_percent_encode(text, ENCODED).into();
    HeaderValue::from_str(&encoded).ok()
}

const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_can_not_have_is_encoded() {
        for (text, expected) in
            [("New York", "New York"), ("Malmö", "Malm%C3%B6"), ("100%", "100%25"), ("a\nb", "a%0Ab")]
        {
            assert_eq!(value(text).unwrap(), expected);
        }
        assert_eq!(value(""), None);
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Places::open(file.path()).err().unwrap();
        let expected = format!("the database {} can not be read", file.path().display());
        assert_eq!(error.to_string(), expected);
    }
}
