//! The parts of the job as proxy-wasm filters. One module has them all; which one a filter is, its
//! configuration says. Geolocation is Envoy's own: a proxy-wasm filter can not open a database.

mod ab; // the sticky experiment
mod headers; // header rules
mod route; // the cluster, and the prefix

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Filter::default()));
}}

/// A filter of Envoy's configuration.
#[derive(Default)]
struct Filter {
    part: Option<Part>,
}

#[derive(Clone, Copy)]
enum Part {
    Ab,
    Route,
    Headers,
}

impl Context for Filter {}

impl RootContext for Filter {
    /// Refuses, and Envoy with it, what is no part of the job.
    fn on_configure(&mut self, _: usize) -> bool {
        self.part = match self.get_plugin_configuration().as_deref() {
            Some(b"ab") => Some(Part::Ab),
            Some(b"route") => Some(Part::Route),
            Some(b"headers") => Some(Part::Headers),
            Some(_) | None => None,
        };
        self.part.is_some()
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.part? {
            Part::Ab => Box::new(ab::Ab::default()),
            Part::Route => Box::new(route::Route),
            Part::Headers => Box::new(headers::Headers),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
