use edgeloom_sdk::{Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(request: &mut Request) {
        let _ = request.path();
    }
}

fn main() {}
