//! Where an address is, by the operator's MaxMind DB files.
//!
//! Two layouts are read: GeoIP2/GeoLite2 (nested, City or Country) and the flat
//! one in which DB-IP's tables are commonly published. Which one a file has is
//! found by its first record.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader, WithinOptions, path};
use serde::de::{IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

#[cfg(test)]
mod tests;

/// One or two databases, in memory: a file that is overwritten in place does
/// not reach what is loaded.
pub struct Geo {
    places: Reader<Vec<u8>>,
    layout: Layout,
    asn: Option<Reader<Vec<u8>>>,
}

/// What is known of a place, as it lies in the database; the fields are those of `edgeloom:grants/geo`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place<'db> {
    pub country: Option<&'db str>,
    pub country_name: Option<&'db str>,
    pub eu: Option<bool>,
    pub continent: Option<&'db str>,
    pub region: Option<&'db str>,
    pub region_name: Option<&'db str>,
    pub city: Option<&'db str>,
    pub postal_code: Option<&'db str>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub time_zone: Option<&'db str>,
    pub asn: Option<u32>,
    pub as_organization: Option<&'db str>,
}

/// Why a database was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    #[error("the geo database {} can not be read", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is not a MaxMind DB file, or it is damaged or cut short: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} knows no countries: its type is `{found}`; use a City or Country database here", path.display())]
    NoPlaces { path: PathBuf, found: String },
    #[error("{} knows no autonomous systems: its type is `{found}`; use an ASN database here", path.display())]
    NoAsn { path: PathBuf, found: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Nested,
    Flat,
}

impl Geo {
    /// Reads the databases.
    ///
    /// # Errors
    ///
    /// See [`GeoError`]; each names its file.
    pub fn open(database: &Path, asn: Option<&Path>) -> Result<Self, GeoError> {
        let places = read(database)?;
        let layout = layout(&places).map_err(|error| damaged(database, &error))?;
        let Some(layout) = layout else {
            return Err(GeoError::NoPlaces {
                path: database.into(),
                found: places.metadata().database_type.clone(),
            });
        };
        let asn = asn.map(open_asn).transpose()?;
        Ok(Self { places, layout, asn })
    }

    /// The place of this address, if the databases know anything of it.
    pub fn locate(&self, address: IpAddr) -> Option<Place<'_>> {
        let address = embedded(address);
        let mut place = match self.layout {
            Layout::Nested => find::<Nested<'_>>(&self.places, address).map(Place::from),
            Layout::Flat => find::<Flat<'_>>(&self.places, address).map(Place::from),
        };
        if let Some(system) = self.asn.as_ref().and_then(|asn| find::<System<'_>>(asn, address)) {
            let place = place.get_or_insert_default();
            place.asn = system.number.or(place.asn);
            place.as_organization = system.organization.or(place.as_organization);
        }
        place
    }

    /// Only the country's code.
    pub fn country(&self, address: IpAddr) -> Option<&str> {
        let found = self.places.lookup(embedded(address)).ok()?;
        let code = match self.layout {
            Layout::Nested => found.decode_path::<&str>(&path!["country", "iso_code"]),
            Layout::Flat => found.decode_path::<&str>(&path!["country_code"]),
        };
        code.ok().flatten().and_then(known)
    }
}

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asn = self.asn.as_ref().map(|asn| &asn.metadata().database_type);
        write!(f, "Geo({}, {:?}, asn {asn:?})", self.places.metadata().database_type, self.layout)
    }
}

/// The IPv4 address inside an IPv6 one: mapped (RFC 4291 section 2.5.5.2) or
/// 6to4 (RFC 3056 section 2), where databases have nothing of their own.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, ..] = v6.segments();
    let v4_of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::from([a, b, c, d])
    };
    match v6.to_ipv4_mapped() {
        Some(v4) => IpAddr::V4(v4),
        None if a == SIX_TO_FOUR => v4_of(b, c),
        None => address,
    }
}

const SIX_TO_FOUR: u16 = 0x2002;

fn find<'db, T: Deserialize<'db>>(reader: &'db Reader<Vec<u8>>, address: IpAddr) -> Option<T> {
    // An error is an IPv6 address in a database of IPv4, or a damaged record:
    // to a request both mean that nothing is known.
    reader.lookup(address).ok()?.decode::<T>().ok()?
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let bytes = std::fs::read(path).map_err(|source| GeoError::Unreadable { path: path.into(), source })?;
    Reader::from_source(bytes).map_err(|error| damaged(path, &error))
}

fn open_asn(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let reader = read(path)?;
    let knows = first(&reader, |found| {
        found.decode_path::<u32>(&path!["autonomous_system_number"]).map(|number| number.map(|_| ()))
    });
    match knows.map_err(|error| damaged(path, &error))? {
        Some(()) => Ok(reader),
        None => Err(GeoError::NoAsn { path: path.into(), found: reader.metadata().database_type.clone() }),
    }
}

fn damaged(path: &Path, error: &MaxMindDbError) -> GeoError {
    GeoError::Damaged { path: path.into(), reason: error.to_string() }
}

fn layout(reader: &Reader<Vec<u8>>) -> Result<Option<Layout>, MaxMindDbError> {
    first(reader, |found| {
        if found.decode_path::<&str>(&path!["country_code"])?.is_some() {
            return Ok(Some(Layout::Flat));
        }
        let nested = ["country", "registered_country", "continent"]
            .into_iter()
            .any(|key| matches!(found.decode_path::<IgnoredAny>(&path![key]), Ok(Some(_))));
        Ok(nested.then_some(Layout::Nested))
    })
}

/// What `look` finds in the first records that it finds anything in.
fn first<T>(
    reader: &Reader<Vec<u8>>,
    look: impl Fn(&maxminddb::LookupResult<'_, Vec<u8>>) -> Result<Option<T>, MaxMindDbError>,
) -> Result<Option<T>, MaxMindDbError> {
    for found in reader.networks(WithinOptions::default())?.take(RECORDS_PROBED) {
        if let Some(answer) = look(&found?)? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// A database's first records can be of networks that belong to no country.
const RECORDS_PROBED: usize = 1000;

/// Tables write "nothing known" as an empty text, DB-IP's country as `ZZ`.
fn known(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "ZZ").then_some(text)
}

/// A record of GeoIP2 City or Country: <https://dev.maxmind.com/geoip/docs/databases>.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Nested<'db> {
    #[serde(borrow)]
    city: Named<'db>,
    #[serde(borrow)]
    continent: Named<'db>,
    #[serde(borrow)]
    country: Named<'db>,
    #[serde(borrow)]
    subdivisions: Vec<Named<'db>>,
    #[serde(borrow)]
    location: Location<'db>,
    #[serde(borrow)]
    postal: Postal<'db>,
    #[serde(borrow)]
    traits: Traits<'db>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named<'db> {
    code: Option<&'db str>,
    iso_code: Option<&'db str>,
    is_in_european_union: Option<bool>,
    #[serde(borrow)]
    names: Names<'db>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Names<'db> {
    en: Option<&'db str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Location<'db> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<&'db str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Postal<'db> {
    code: Option<&'db str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Traits<'db> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'db str>,
}

impl<'db> From<Nested<'db>> for Place<'db> {
    fn from(record: Nested<'db>) -> Self {
        let region = record.subdivisions.first();
        let country = record.country.iso_code.and_then(known);
        Self {
            // GeoIP2 writes the flag only where it is true.
            eu: country.is_some().then_some(record.country.is_in_european_union == Some(true)),
            country,
            country_name: record.country.names.en.and_then(known),
            continent: record.continent.code.and_then(known),
            region: region.and_then(|region| region.iso_code).and_then(known),
            region_name: region.and_then(|region| region.names.en).and_then(known),
            city: record.city.names.en.and_then(known),
            postal_code: record.postal.code.and_then(known),
            latitude: record.location.latitude,
            longitude: record.location.longitude,
            time_zone: record.location.time_zone.and_then(known),
            asn: record.traits.autonomous_system_number,
            as_organization: record.traits.autonomous_system_organization.and_then(known),
        }
    }
}

/// A flat record, as `ip-location-db` publishes DB-IP's tables.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Flat<'db> {
    country_code: Option<&'db str>,
    state1: Option<&'db str>,
    city: Option<&'db str>,
    postcode: Option<&'db str>,
    latitude: Option<Degrees>,
    longitude: Option<Degrees>,
    timezone: Option<&'db str>,
}

impl<'db> From<Flat<'db>> for Place<'db> {
    fn from(record: Flat<'db>) -> Self {
        let country = record.country_code.and_then(known);
        Self {
            eu: country.map(|code| EU_MEMBERS.contains(&code)),
            country,
            region_name: record.state1.and_then(known),
            city: record.city.and_then(known),
            postal_code: record.postcode.and_then(known),
            latitude: record.latitude.map(|Degrees(degrees)| degrees),
            longitude: record.longitude.map(|Degrees(degrees)| degrees),
            time_zone: record.timezone.and_then(known),
            ..Self::default()
        }
    }
}

/// An angle in single or double precision: flat tables have either.
struct Degrees(f64);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Either)
    }
}

struct Either;

impl Visitor<'_> for Either {
    type Value = Degrees;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("degrees")
    }

    /// To four decimals, some ten metres: what single precision holds of 180.
    fn visit_f32<E>(self, degrees: f32) -> Result<Degrees, E> {
        Ok(Degrees((f64::from(degrees) * 1e4).round() / 1e4))
    }

    fn visit_f64<E>(self, degrees: f64) -> Result<Degrees, E> {
        Ok(Degrees(degrees))
    }
}

/// The members of the European Union (since 2020-02-01), which flat tables do not mark.
const EU_MEMBERS: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// A record of an ASN database.
#[derive(Deserialize, Default)]
#[serde(default)]
struct System<'db> {
    #[serde(rename = "autonomous_system_number")]
    number: Option<u32>,
    #[serde(rename = "autonomous_system_organization")]
    organization: Option<&'db str>,
}
