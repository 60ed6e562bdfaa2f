use edgeloom_sdk::{Memo, Request, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request, _: Memo<u8>) {}
}

fn main() {}
