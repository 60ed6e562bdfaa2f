//! What carries a filter's questions and edits to the proxy: in a guest the bindings generated from
//! the contract, natively the stand-in behind [`testing`](crate::testing). Both have the same shape.

#[cfg(not(target_arch = "wasm32"))]
mod fake;
#[cfg(target_arch = "wasm32")]
mod guest;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fake::*;
#[cfg(target_arch = "wasm32")]
pub use guest::*;
