use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter(deadline = 5)]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) {}
}

fn main() {}
