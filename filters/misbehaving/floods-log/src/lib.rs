//! Writes the log full: long lines, and many of them.
use edgeloom_sdk::{Request, Settings, filter, log};

#[derive(Settings)]
struct FloodsLog {
    #[settings(default = 10_000)]
    lines: u32,
}

#[filter]
impl FloodsLog {
    #[on_request]
    fn on_request(&self, _request: &mut Request) {
        let line = "line ".repeat(1000) + "\n{\"forged\":\"line\"}\n";
        for _ in 0..self.lines {
            log::error(&line);
        }
    }
}
