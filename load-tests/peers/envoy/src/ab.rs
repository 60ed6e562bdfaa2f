//! The sticky experiment.

use edgeloom_peer_job::Variant;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::headers::client;

#[derive(Default)]
pub(crate) struct Ab {
    /// The variant, where the client has no cookie of it yet.
    drawn: Option<Variant>,
}

impl Context for Ab {}

impl HttpContext for Ab {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let cookies = self.get_http_request_header_bytes("cookie").unwrap_or_default();
        let variant = Variant::kept(&cookies).unwrap_or_else(|| {
            let drawn = Variant::drawn(client(self).as_bytes());
            self.drawn = Some(drawn);
            drawn
        });
        self.set_http_request_header("x-ab-checkout", Some(variant.name()));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Some(variant) = self.drawn {
            self.add_http_response_header("set-cookie", variant.cookie());
        }
        Action::Continue
    }
}
