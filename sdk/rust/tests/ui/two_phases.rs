use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    #[on_response]
    fn choose(&self, _: &mut Request) {}
}

fn main() {}
