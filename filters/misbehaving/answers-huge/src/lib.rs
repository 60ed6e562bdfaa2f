//! Answers with more than anybody wants to read.
use edgeloom_sdk::{Answer, Request, Settings, filter};

#[derive(Settings)]
struct AnswersHuge {
    #[settings(default = 4)]
    mebibytes: usize,
}

#[filter]
impl AnswersHuge {
    #[on_request]
    fn on_request(&self, _request: &mut Request) -> Answer {
        Answer::new(200).body(vec![b'x'; self.mebibytes * 1024 * 1024])
    }
}
