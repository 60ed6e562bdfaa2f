//! The smallest filter that does something: reads one header and makes one edit. Its settings may
//! make it slower, and its image larger.
use std::hint::black_box;

use edgeloom_sdk::{HeaderName, Request, Settings, filter, header};

#[derive(Settings)]
struct Small {
    /// Different in each link of a chain, so that each has an edit of its own to make.
    mark: HeaderName,
    /// Turns of a loop that does nothing, in every call.
    #[settings(default)]
    burn: u32,
    /// Never read: settings of any size, for what their image costs.
    #[settings(default)]
    table: Vec<String>,
}

#[filter]
impl Small {
    #[on_request]
    fn mark(&self, request: &mut Request) {
        for turn in 0..self.burn {
            black_box(turn);
        }
        let rows = self.table.first().map_or("none", |_| "some");
        let value = if request.header(header!("accept-language")).is_some() { rows } else { "mute" };
        request.set_header(&self.mark, value);
    }
}
