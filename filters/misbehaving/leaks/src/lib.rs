//! Takes a little memory in each call, and never gives it back.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Leaks;

#[filter]
impl Leaks {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {
        std::hint::black_box(vec![1_u8; 10_000].leak());
    }
}
