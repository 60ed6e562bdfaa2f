//! The `geo` grant: where an address is.

use std::net::IpAddr;

use crate::bindings::geo::{Address, Host, Place};
use crate::exchange::CallState;
use crate::geo;

impl Host for CallState {
    fn locate(&mut self, address: Address) -> Option<Place> {
        let geo = self.grants.geo.as_ref()?;
        geo.locate(address.into()).map(Place::from)
    }

    fn country(&mut self, address: Address) -> Option<String> {
        self.grants.geo.as_ref()?.country(address.into())
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

impl From<geo::Place> for Place {
    fn from(place: geo::Place) -> Self {
        Self {
            country: place.country,
            country_name: place.country_name,
            eu: place.eu,
            continent: place.continent,
            region: place.region,
            region_name: place.region_name,
            city: place.city,
            postal_code: place.postal_code,
            latitude: place.latitude,
            longitude: place.longitude,
            time_zone: place.time_zone,
            asn: place.asn,
            as_organization: place.as_organization,
        }
    }
}
