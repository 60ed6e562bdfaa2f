//! Turns away requests that lack a token, and notes on the response of the others who came.
use std::collections::BTreeMap;

use edgeloom_sdk::{Answer, Memo, Request, Response, Settings, filter, header, log};

#[derive(Settings)]
struct Reject {
    /// Tokens, and whose they are.
    tokens: BTreeMap<String, String>,
}

#[filter]
impl Reject {
    #[on_request]
    fn check(&self, request: &mut Request) -> Result<Memo<String>, Answer> {
        let token = request.header_str("x-token").ok_or_else(|| Answer::text(401, "A token is needed.\n"))?;
        match self.tokens.get(&token) {
            Some(name) => Ok(Memo(name.clone())),
            None => {
                log::warn(["unknown token from ", &request.client().address.to_string()].concat());
                Err(Answer::text(403, "This token is not known.\n"))
            }
        }
    }

    #[on_response]
    fn name(&self, response: &mut Response, Memo(name): Memo<String>) {
        response.set_header(header!("x-customer"), name);
    }
}

#[cfg(test)]
mod tests {
    use edgeloom_sdk::testing::{self, Verdict};

    use super::*;

    fn filter() -> Reject {
        Reject::from_yaml("tokens: { s3cret: ada }").unwrap()
    }

    #[test]
    fn without_a_token_there_is_an_answer() {
        let answer = filter().check(&mut Request::get("https://api.example/")).unwrap_err();
        assert_eq!(answer.status, 401);
    }

    #[test]
    fn a_wrong_token_is_logged() {
        let mut request =
            Request::get("https://api.example/").with_header("x-token", "guess").from("192.0.2.7");

        assert_eq!(filter().check(&mut request).unwrap_err().status, 403);

        let lines = testing::logged();
        assert_eq!(lines, [(log::Level::Warn, "unknown token from 192.0.2.7".to_owned())]);
    }

    #[test]
    fn a_customer_is_named_on_the_response() {
        let mut request = Request::get("https://api.example/").with_header("x-token", "s3cret");
        let Ok(Verdict::Proceed(memo)) = testing::on_request(&filter(), &mut request) else {
            panic!("answered")
        };
        let mut response = Response::new(200);

        testing::on_response(&filter(), &mut response, &memo).unwrap();

        assert_eq!(response.header_str("x-customer").as_deref(), Some("ada"));
    }
}
