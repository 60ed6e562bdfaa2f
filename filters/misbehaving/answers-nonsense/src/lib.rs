//! Answers with a status, and with a header, that HTTP does not have.
use edgeloom_sdk::{Answer, Request, Settings, filter, header};

#[derive(Settings)]
struct AnswersNonsense {
    #[settings(default = 99)]
    status: u16,
    #[settings(default = "a\r\nx-smuggled: b".into())]
    value: String,
}

#[filter]
impl AnswersNonsense {
    #[on_request]
    fn on_request(&self, _request: &mut Request) -> Answer {
        Answer::new(self.status).header(header!("x-nonsense"), &self.value)
    }
}
