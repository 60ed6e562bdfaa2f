//! Never ends to be configured.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
#[settings(validate = Self::check)]
struct ConfigureSpins;

impl ConfigureSpins {
    fn check(&mut self) -> Result<(), &'static str> {
        loop {
            std::hint::spin_loop();
        }
    }
}

#[filter]
impl ConfigureSpins {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {}
}
