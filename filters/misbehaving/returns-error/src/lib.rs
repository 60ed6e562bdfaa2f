//! Gives up, having edited the head: in the phase that its settings name.
use edgeloom_sdk::{Request, Response, Settings, filter, header};

#[derive(Settings)]
struct ReturnsError {
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
impl ReturnsError {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        request.set_header(header!("x-returned"), "the head is as it was before");
        if self.phase == Phase::Request {
            // An edit that is refused ends a call as an error.
            request.set_header(header!("host"), "other.example");
        }
    }

    #[on_response]
    fn on_response(&self, response: &mut Response) -> Result<(), &'static str> {
        response.set_header(header!("x-returned"), "the head is as it was before");
        if self.phase == Phase::Response { Err("this is not my day") } else { Ok(()) }
    }
}
