//! Greets every response.
use edgeloom_sdk::{Response, Settings, filter, header};

#[derive(Settings)]
struct Hello {
    #[settings(default = "hello".into())]
    greeting: String,
}

#[filter]
impl Hello {
    #[on_response]
    fn greet(&self, response: &mut Response) {
        response.set_header(header!("x-greeting"), &self.greeting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_hello_unless_told_otherwise() {
        for (settings, greeting) in [("{}", "hello"), ("{ greeting: hej }", "hej")] {
            let filter = Hello::from_yaml(settings).unwrap();
            let mut response = Response::new(200);

            filter.greet(&mut response);

            assert_eq!(response.header_str("x-greeting").as_deref(), Some(greeting));
        }
    }
}
