use edgeloom_sdk::{Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_response]
    fn mark(&self, _: &mut Response, _: u8) {}
}

fn main() {}
