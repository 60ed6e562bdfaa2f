//! Writes the header that its settings name: for those that the proxy keeps to itself.
use edgeloom_sdk::{HeaderName, Request, Settings, filter};

#[derive(Settings)]
struct ForgesReserved {
    #[settings(default = HeaderName::from_static("x-forwarded-for"))]
    header: HeaderName,
}

#[filter]
impl ForgesReserved {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        request.set_header(&self.header, "192.0.2.66");
    }
}
