//! Adds headers without end.
use edgeloom_sdk::{Request, Settings, filter, header};

#[derive(Settings)]
struct GrowsHeaders {
    #[settings(default = 10_000)]
    lines: u32,
}

#[filter]
impl GrowsHeaders {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        for _ in 0..self.lines {
            request.add_header(header!("x-more"), "and more");
        }
    }
}
