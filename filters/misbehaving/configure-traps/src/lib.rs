//! Panics while it is configured.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
#[settings(validate = Self::check)]
struct ConfigureTraps;

impl ConfigureTraps {
    #[expect(clippy::panic, reason = "it is what this filter is for")]
    fn check(&mut self) -> Result<(), &'static str> {
        panic!("as it says")
    }
}

#[filter]
impl ConfigureTraps {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {}
}
