//! Sends visitors to the cluster nearest to them.
use std::collections::BTreeMap;

use edgeloom_sdk::{Cluster, Country, Request, Settings, filter, geo};

#[derive(Settings)]
struct GeoRoute {
    clusters: BTreeMap<Country, Cluster>,
    otherwise: Cluster,
}

#[filter]
impl GeoRoute {
    #[on_request]
    fn choose(&self, request: &mut Request) {
        let country = geo::country(request.client());
        let nearest = country.and_then(|country| self.clusters.get(&country));
        request.route_to(nearest.unwrap_or(&self.otherwise));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swede_goes_north() {
        let filter = GeoRoute::from_yaml("{ clusters: { SE: north }, otherwise: south }").unwrap();
        let mut request = Request::get("https://shop.example/").located("SE");

        filter.choose(&mut request);

        assert_eq!(request.cluster(), Some("north"));
    }

    #[test]
    fn a_visitor_from_nowhere_goes_south() {
        let filter = GeoRoute::from_yaml("{ clusters: { SE: north }, otherwise: south }").unwrap();
        let mut request = Request::get("https://shop.example/");

        filter.choose(&mut request);

        assert_eq!(request.cluster(), Some("south"));
    }
}
