use edgeloom_sdk::{Memo, Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) -> Memo<std::time::Instant> {
        Memo(std::time::Instant::now())
    }
}

fn main() {}
