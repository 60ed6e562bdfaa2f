//! The `geo` grant: where an address is.

use std::net::IpAddr;

use crate::bindings::geo::{Address, Host, Place};
use crate::exchange::CallState;
use crate::geo;

impl Host for CallState {
    fn locate(&mut self, address: Address) -> Option<Place> {
        let geo = self.terms.grants.geo.as_ref()?;
        geo.locate(address.into()).map(Place::from)
    }

    fn country(&mut self, address: Address) -> Option<String> {
        self.terms.grants.geo.as_ref()?.country(address.into()).map(str::to_owned)
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        match address {
            Address::Ipv4((a, b, c, d)) => Self::from([a, b, c, d]),
            Address::Ipv6((a, b, c, d, e, f, g, h)) => Self::from([a, b, c, d, e, f, g, h]),
        }
    }
}

impl From<geo::Place<'_>> for Place {
    fn from(place: geo::Place<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            country: owned(place.country),
            country_name: owned(place.country_name),
            eu: place.eu,
            continent: owned(place.continent),
            region: owned(place.region),
            region_name: owned(place.region_name),
            city: owned(place.city),
            postal_code: owned(place.postal_code),
            latitude: place.latitude,
            longitude: place.longitude,
            time_zone: owned(place.time_zone),
            asn: place.asn,
            as_organization: owned(place.as_organization),
        }
    }
}
