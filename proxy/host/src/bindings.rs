//! The contract, as Wasmtime sees it: the one `bindgen!`.
//!
//! The host's world is the widest: every phase exported, every grant imported.
//! A guest may export and import less; `inspect` finds out how much.

#![allow(
    unreachable_pub,
    unnameable_types,
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::use_self,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    inline: "
        package edgeloom:host;
        world widest {
            import edgeloom:filter/http@0.1.0;
            import edgeloom:grants/geo@0.1.0;
            import edgeloom:grants/log@0.1.0;
            import edgeloom:grants/tls@0.1.0;
            export edgeloom:filter/setup@0.1.0;
            export edgeloom:filter/request-phase@0.1.0;
            export edgeloom:filter/response-phase@0.1.0;
        }
    ",
    path: "../../sdk/wit",
    with: {
        "edgeloom:filter/http.request": crate::exchange::Request,
        "edgeloom:filter/http.response": crate::exchange::Response,
    },
});

pub(crate) use edgeloom::filter::http;
pub(crate) use edgeloom::grants::{geo, log, tls};
pub(crate) use exports::edgeloom::filter::{request_phase, response_phase};
