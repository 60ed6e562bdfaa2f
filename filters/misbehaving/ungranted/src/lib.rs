//! Imports the `geo` grant: for tests that do not grant it.
use edgeloom_sdk::{Request, Settings, filter, geo, header};

#[derive(Settings)]
struct Ungranted;

#[filter]
impl Ungranted {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        if let Some(country) = geo::country(request.client()) {
            request.set_header(header!("x-country"), country.as_str());
        }
    }
}
