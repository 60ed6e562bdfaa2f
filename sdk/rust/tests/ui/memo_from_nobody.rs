use edgeloom_sdk::{Memo, Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_response]
    fn mark(&self, _: &mut Response, _: Memo<u8>) {}
}

fn main() {}
