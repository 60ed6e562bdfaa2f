use edgeloom_sdk::{Memo, Request, Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) {}

    #[on_response]
    fn mark(&self, _: &mut Response, _: Option<Memo<u8>>) {}
}

fn main() {}
