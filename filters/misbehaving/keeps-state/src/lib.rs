//! Carries something from one call to the next, where its instance lives that long.
use std::sync::atomic::{AtomicU32, Ordering};

use edgeloom_sdk::{Request, Settings, filter, header};

#[derive(Settings)]
struct KeepsState;

static CALLS: AtomicU32 = AtomicU32::new(0);

#[filter]
impl KeepsState {
    #[on_request]
    fn on_request(&self, request: &mut Request) {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        request.set_header(header!("x-calls"), calls.to_string());
    }
}
