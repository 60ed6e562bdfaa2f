//! What clients are told who are not let in.

use edgeloom_sdk::settings::Ordered;
use edgeloom_sdk::{Answer, HeaderName, Settings};

/// An answer, as the operator writes it.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub(crate) struct Denial {
    #[settings(default = STATUS)]
    status: u16,
    #[settings(default = BODY.into())]
    body: String,
    #[settings(default)]
    headers: Ordered<HeaderName, String>,
}

const STATUS: u16 = 403;
const BODY: &str = "This site can not be visited from where you are.\n";

impl Denial {
    pub(crate) fn answer(&self) -> Answer {
        let answer = Answer::text(self.status, &*self.body);
        self.headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    fn check(&mut self) -> Result<(), &'static str> {
        if !(200..600).contains(&self.status) {
            return Err("an answer's status is from 200 to 599");
        }
        if self.body.len() > BODY_MAX {
            return Err("the body of this answer is a sentence or a page, at most 64 KiB");
        }
        if self.headers.iter().any(|(name, _)| name.is_reserved()) {
            return Err("an answer has no headers that the proxy keeps to itself, like content-length");
        }
        if self.headers.iter().any(|(_, value)| value.chars().any(char::is_control)) {
            return Err("a header's value has no line breaks or other control characters");
        }
        Ok(())
    }
}

impl Default for Denial {
    fn default() -> Self {
        Self { status: STATUS, body: BODY.into(), headers: Ordered::default() }
    }
}

/// Every instance holds it.
const BODY_MAX: usize = 64 * 1024;
