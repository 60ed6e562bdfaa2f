use edgeloom_sdk::{Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: String) {}
}

fn main() {}
