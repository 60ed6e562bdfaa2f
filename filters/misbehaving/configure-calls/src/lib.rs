//! Calls the host while it is configured, when there is nobody to answer.
use std::net::Ipv4Addr;

use edgeloom_sdk::{Country, Request, Settings, filter, geo, header};

#[derive(Settings)]
#[settings(validate = Self::look_up)]
struct ConfigureCalls {
    #[settings(default)]
    here: Option<Country>,
}

impl ConfigureCalls {
    fn look_up(&mut self) -> Result<(), &'static str> {
        self.here = geo::country(Ipv4Addr::new(192, 0, 2, 1));
        Ok(())
    }
}

#[filter]
impl ConfigureCalls {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        if let Some(country) = self.here {
            request.set_header(header!("x-country"), country.as_str());
        }
    }
}
