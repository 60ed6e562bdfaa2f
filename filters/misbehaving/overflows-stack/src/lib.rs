//! Recurses until its stack is full.
use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct OverflowsStack;

#[filter]
impl OverflowsStack {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {
        std::hint::black_box(deeper(&[0; 64]));
    }
}

#[expect(unconditional_recursion, reason = "it is what this filter is for")]
fn deeper(above: &[u64; 64]) -> u64 {
    let here = std::hint::black_box(above.map(|number| number + 1));
    deeper(&here) + here.len() as u64
}
