//! Write Edgeloom filters in Rust.
//!
//! A filter is a struct, which is its configuration, and an `impl` block with a method for each phase
//! in which the proxy calls it: `#[on_request]`, `#[on_response]`, or both. Here are three whole ones,
//! with their tests; `sdk/README.md` says how they are built and configured.
//!
//! # One that edits
//!
//! ```
#![doc = include_str!("../examples/hello.rs")]
//! ```
//!
//! # One that routes, by a grant
//!
//! What a filter asks for is a Cargo feature, here `geo`; what it gets is for the operator to say.
//!
#![cfg_attr(feature = "geo", doc = concat!("```\n", include_str!("../examples/geo_route.rs"), "```"))]
//!
//! # One that answers, and one that remembers
//!
//! What an `#[on_request]` method returns decides: an [`Answer`] is sent to the client, and so is an
//! `Err` of what becomes one; a [`Memo`] is kept by the proxy until the response.
//!
#![cfg_attr(feature = "log", doc = concat!("```\n", include_str!("../examples/reject.rs"), "```"))]
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | reading and editing | [`Request`], [`Response`], [`Edits`], [`header!`] |
//! | what methods may take and return | [`macro@filter`], [`Answer`], [`Memo`], [`Remember`] |
//! | what an operator configures | [`settings`], [`Cluster`], [`Country`], [`HeaderName`]; [`when`] for rules |
//! | grants | `geo`, `log`, `tls` |
//! | unit tests | `testing` |
//!
//! # What it costs
//!
//! Every question to the proxy, and every edit, is a call out of the sandbox: about a tenth of a
//! microsecond. [`Edits`] are any number of them in one call. Settings are read once, when the filter
//! is loaded, and frozen with the rest of its memory; so is what is derived from them then.
#![warn(missing_docs)]
#![allow(
    clippy::test_attr_in_doctest,
    reason = "the tests shown here are run with the examples they belong to"
)]

// The derives name this crate by its path, inside it too.
extern crate self as edgeloom_sdk;

mod answer;
mod client;
mod edits;
mod header;
#[cfg(any(test, all(target_arch = "wasm32", feature = "allocator")))]
mod heap;
mod memo;
mod names;
mod refusal;
mod request;
mod response;
pub mod settings;
mod verdict;
pub mod when;
mod wire;

#[cfg(feature = "geo")]
pub mod geo;
#[cfg(feature = "log")]
pub mod log;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(feature = "tls")]
pub mod tls;

pub use answer::Answer;
pub use client::Client;
pub use edgeloom_sdk_macros::{Remember, Settings, filter};
pub use edits::{Edits, IntoValue};
pub use header::{HeaderName, IllegalHeaderName};
pub use memo::{Memo, Remember};
pub use names::{Cluster, Country, IllegalName};
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use settings::Settings;

/// What the macros' code calls. Not for authors: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::memo::recall;
    pub use crate::verdict::{IntoOutcome, IntoVerdict, OnRequest, OnResponse, Verdict};
    #[cfg(target_arch = "wasm32")]
    pub use crate::wire::{Slot, request_phase, response_phase, setup};
}

/// The guide's examples, compiled.
#[cfg(all(doctest, feature = "geo"))]
#[doc = include_str!("../../README.md")]
struct Readme;
