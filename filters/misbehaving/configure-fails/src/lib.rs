//! Refuses its settings, whatever they are.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
#[settings(validate = Self::check)]
struct ConfigureFails;

impl ConfigureFails {
    fn check(&mut self) -> Result<(), &'static str> {
        Err("nothing is good enough")
    }
}

#[filter]
impl ConfigureFails {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {}
}
