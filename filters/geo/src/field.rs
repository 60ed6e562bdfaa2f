//! What can be told of a client.

use std::borrow::Cow;
use std::net::IpAddr;

use edgeloom_sdk::Settings;
use edgeloom_sdk::geo::Place;

use crate::text::{decimal, degrees};

/// One thing that can be told of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Settings)]
pub(crate) enum Field {
    Address,
    /// With the port 0: CloudFront's header has a port, which filters are not told.
    AddressPort,
    Asn,
    AsOrganization,
    City,
    Continent,
    Country,
    CountryName,
    Eu,
    Latitude,
    Longitude,
    PostalCode,
    Region,
    RegionName,
    TimeZone,
}

impl Field {
    /// The fact that it is left as.
    pub(crate) const fn fact(self) -> &'static str {
        match self {
            Self::Address => "geo.address",
            Self::AddressPort => "geo.address-port",
            Self::Asn => "geo.asn",
            Self::AsOrganization => "geo.as-organization",
            Self::City => "geo.city",
            Self::Continent => "geo.continent",
            Self::Country => "geo.country",
            Self::CountryName => "geo.country-name",
            Self::Eu => "geo.eu",
            Self::Latitude => "geo.latitude",
            Self::Longitude => "geo.longitude",
            Self::PostalCode => "geo.postal-code",
            Self::Region => "geo.region",
            Self::RegionName => "geo.region-name",
            Self::TimeZone => "geo.time-zone",
        }
    }

    /// Its text for this client; `None` where it is not known.
    pub(crate) fn text(self, client: IpAddr, place: Option<&Place>) -> Option<Cow<'_, str>> {
        let known =
            |of: fn(&Place) -> Option<&String>| place.and_then(of).map(|text| Cow::Borrowed(text.as_str()));
        match self {
            Self::Address => Some(client.to_string().into()),
            Self::AddressPort => Some((client.to_string() + ":0").into()),
            Self::Asn => place?.asn.map(|asn| decimal(asn).into()),
            Self::AsOrganization => known(|place| place.as_organization.as_ref()),
            Self::City => known(|place| place.city.as_ref()),
            Self::Continent => known(|place| place.continent.as_ref()),
            Self::Country => place?.country.as_ref().map(|country| country.as_str().into()),
            Self::CountryName => known(|place| place.country_name.as_ref()),
            Self::Eu => place?.eu.map(|eu| if eu { "true" } else { "false" }.into()),
            Self::Latitude => place?.latitude.and_then(degrees).map(Cow::Owned),
            Self::Longitude => place?.longitude.and_then(degrees).map(Cow::Owned),
            Self::PostalCode => known(|place| place.postal_code.as_ref()),
            Self::Region => known(|place| place.region.as_ref()),
            Self::RegionName => known(|place| place.region_name.as_ref()),
            Self::TimeZone => known(|place| place.time_zone.as_ref()),
        }
    }
}
