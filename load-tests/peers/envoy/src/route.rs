//! The cluster, and the prefix.

use edgeloom_peer_job::{is_north, without_prefix};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

pub(crate) struct Route;

impl Context for Route {}

impl HttpContext for Route {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let country = self.get_http_request_header_bytes("x-geo-country").unwrap_or_default();
        let cluster = if is_north(&country) { "north" } else { "south" };
        // Envoy's route takes its cluster from there, and removes it.
        self.set_http_request_header("x-cluster", Some(cluster));
        let target = self.get_http_request_header(":path");
        if let Some(rest) = target.as_deref().and_then(without_prefix) {
            self.set_http_request_header(":path", Some(rest));
        }
        Action::Continue
    }
}
