use edgeloom_sdk::{Request, filter};

struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) {}
}

fn main() {}
