//! Asks the proxy to remember more than it does.
use edgeloom_sdk::{Memo, Request, Response, Settings, filter, header};

#[derive(Settings)]
struct RemembersTooMuch {
    #[settings(default = 64)]
    kibibytes: usize,
}

#[filter]
impl RemembersTooMuch {
    #[on_request]
    fn on_request(&self, _request: &mut Request) -> Memo<String> {
        Memo("x".repeat(self.kibibytes * 1024))
    }

    #[on_response]
    fn on_response(&self, response: &mut Response, Memo(memo): Memo<String>) {
        response.set_header(header!("x-remembered"), memo.len().to_string());
    }
}
