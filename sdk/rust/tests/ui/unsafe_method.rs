use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    unsafe fn choose(&self, _: &mut Request) {}
}

fn main() {}
