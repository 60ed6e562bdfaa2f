//! Wants all memory there is, and a page more.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Hoards;

#[filter]
impl Hoards {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {
        let mut hoard = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![1_u8; 64 * 1024]));
        }
    }
}
