use edgeloom_sdk::{Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Response) {}
}

fn main() {}
