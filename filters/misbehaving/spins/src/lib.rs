//! Never ends: in the phase that its settings name.
use edgeloom_sdk::{Request, Response, Settings, filter};

#[derive(Settings)]
struct Spins {
    #[settings(default)]
    phase: Phase,
}

#[derive(Default, PartialEq, Settings)]
enum Phase {
    #[default]
    Request,
    Response,
}

#[filter]
impl Spins {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {
        if self.phase == Phase::Request {
            spin();
        }
    }

    #[on_response]
    fn on_response(&self, _response: &mut Response) {
        if self.phase == Phase::Response {
            spin();
        }
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}
