//! Families of header names that upstreams may know already.

use edgeloom_sdk::{HeaderName, header};

use crate::field::Field;

/// A family of header names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) names: &'static [(Field, &'static HeaderName)],
    /// Names of the family that this filter has nothing to say under: clients must not say it either.
    pub(crate) removed: &'static [&'static HeaderName],
    /// What the country is called where it is not known.
    pub(crate) nowhere: Option<&'static str>,
    /// Whether text outside ASCII is percent-encoded; else it is sent as UTF-8.
    pub(crate) percent: bool,
}

pub(crate) const NONE: Family = Family { names: &[], removed: &[], nowhere: None, percent: true };

/// Newly defined header fields should keep to ASCII (RFC 9110 section 5.5).
pub(crate) const OWN: Family = Family {
    names: &[
        (Field::Country, header!("x-geo-country")),
        (Field::Region, header!("x-geo-region")),
        (Field::City, header!("x-geo-city")),
        (Field::Continent, header!("x-geo-continent")),
        (Field::Eu, header!("x-geo-eu")),
        (Field::Asn, header!("x-geo-asn")),
        (Field::Latitude, header!("x-geo-latitude")),
        (Field::Longitude, header!("x-geo-longitude")),
        (Field::TimeZone, header!("x-geo-time-zone")),
    ],
    ..NONE
};

/// Cloudflare's visitor location headers: UTF-8, and `XX` for an unknown country.
pub(crate) const CLOUDFLARE: Family = Family {
    names: &[
        (Field::Country, header!("cf-ipcountry")),
        (Field::City, header!("cf-ipcity")),
        (Field::Continent, header!("cf-ipcontinent")),
        (Field::Longitude, header!("cf-iplongitude")),
        (Field::Latitude, header!("cf-iplatitude")),
        (Field::RegionName, header!("cf-region")),
        (Field::Region, header!("cf-region-code")),
        (Field::PostalCode, header!("cf-postal-code")),
        (Field::TimeZone, header!("cf-timezone")),
    ],
    removed: &[header!("cf-metro-code")],
    nowhere: Some("XX"),
    percent: false,
};

/// CloudFront's viewer location headers: percent-encoded.
pub(crate) const CLOUDFRONT: Family = Family {
    names: &[
        (Field::AddressPort, header!("cloudfront-viewer-address")),
        (Field::Asn, header!("cloudfront-viewer-asn")),
        (Field::City, header!("cloudfront-viewer-city")),
        (Field::Country, header!("cloudfront-viewer-country")),
        (Field::CountryName, header!("cloudfront-viewer-country-name")),
        (Field::Region, header!("cloudfront-viewer-country-region")),
        (Field::RegionName, header!("cloudfront-viewer-country-region-name")),
        (Field::Latitude, header!("cloudfront-viewer-latitude")),
        (Field::Longitude, header!("cloudfront-viewer-longitude")),
        (Field::PostalCode, header!("cloudfront-viewer-postal-code")),
        (Field::TimeZone, header!("cloudfront-viewer-time-zone")),
    ],
    removed: &[header!("cloudfront-viewer-metro-code")],
    ..NONE
};
