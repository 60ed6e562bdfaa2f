//! Panics, having edited the head: in the phase that its settings name.
use edgeloom_sdk::{Request, Response, Settings, filter, header};

#[derive(Settings)]
struct Traps {
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
impl Traps {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        request.set_header(header!("x-trapped"), "the head is as it was before");
        assert!(self.phase != Phase::Request, "as it says");
    }

    #[on_response]
    fn on_response(&self, response: &mut Response) {
        response.set_header(header!("x-trapped"), "the head is as it was before");
        assert!(self.phase != Phase::Response, "as it says");
    }
}
