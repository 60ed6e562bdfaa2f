use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

trait Choose {
    fn choose(&self, _: &mut Request);
}

#[filter]
impl Choose for Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) {}
}

fn main() {}
