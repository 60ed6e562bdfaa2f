use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    async fn choose(&mut self, _: Request) {}
}

fn main() {}
