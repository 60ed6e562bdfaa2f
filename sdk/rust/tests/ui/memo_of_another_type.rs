use edgeloom_sdk::{Memo, Request, Response, Settings, filter};

#[derive(Settings)]
struct Mine;

#[filter]
impl Mine {
    #[on_request]
    fn choose(&self, _: &mut Request) -> Memo<u8> {
        Memo(1)
    }

    #[on_response]
    fn mark(&self, _: &mut Response, _: Memo<String>) {}
}

fn main() {}
