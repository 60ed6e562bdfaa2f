//! Header rules.

use edgeloom_peer_job::is_internal;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

pub(crate) struct Headers;

impl Context for Headers {}

impl HttpContext for Headers {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        // proxy-wasm has no other way to find names by their beginning.
        for (name, _) in self.get_http_request_headers_bytes() {
            if is_internal(name.as_bytes()) {
                self.set_http_request_header(&name, None);
            }
        }
        self.set_http_request_header("x-edge", Some("envoy"));
        self.set_http_request_header("x-client", Some(&client(self)));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header("server", None);
        self.set_http_response_header("x-powered-by", None);
        self.set_http_response_header("x-served-by", Some("envoy"));
        Action::Continue
    }
}

/// The client's address, as Envoy established it: the property has a port besides, and an IPv6
/// address in brackets.
pub(crate) fn client(context: &impl Context) -> String {
    let property = context.get_property(vec!["source", "address"]).unwrap_or_default();
    let property = String::from_utf8(property).unwrap_or_default();
    let (address, _port) = property.rsplit_once(':').unwrap_or((&property, ""));
    address.trim_matches(['[', ']']).to_owned()
}
