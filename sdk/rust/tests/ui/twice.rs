use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) {}

    #[on_request]
    fn choose_again(&self, _: &mut Request) {}
}

fn main() {}
