//! The `geo` grant: where an address is, according to the operator's database.

use std::net::IpAddr;

use crate::{Country, wire};

/// What is known of a place. A field that the database does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// The country.
    pub country: Option<Country>,
    /// The country's name in English: `Sweden`.
    pub country_name: Option<String>,
    /// Whether the country is a member of the European Union.
    pub eu: Option<bool>,
    /// `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`.
    pub continent: Option<String>,
    /// The second part of ISO 3166-2: `AB` of `SE-AB`.
    pub region: Option<String>,
    /// The region's name in English: `Stockholm`.
    pub region_name: Option<String>,
    /// The city's name in English.
    pub city: Option<String>,
    /// As the country's post writes it.
    pub postal_code: Option<String>,
    /// Degrees, north positive.
    pub latitude: Option<f64>,
    /// Degrees, east positive.
    pub longitude: Option<f64>,
    /// As in the IANA time zone database: `Europe/Stockholm`.
    pub time_zone: Option<String>,
    /// The number of the autonomous system that announces the address.
    pub asn: Option<u32>,
    /// Who runs that autonomous system.
    pub as_organization: Option<String>,
}

/// The place of this address, or of a client; `None` where the database has none.
///
/// IPv4 addresses inside IPv6 ones (mapped, 6to4) are looked up as IPv4.
#[must_use]
pub fn locate(address: impl Into<IpAddr>) -> Option<Place> {
    wire::locate(address.into())
}

/// Only the country: cheaper than [`locate`].
#[must_use]
pub fn country(address: impl Into<IpAddr>) -> Option<Country> {
    wire::country(address.into())
}
