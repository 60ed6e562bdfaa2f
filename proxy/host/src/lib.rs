//! The life of a module, and the calls into it.
//!
//! ```text
//! Source ─fetch→ bytes ─verify→ Module ─compile→ Component ─configure→ Image ─link→ Filter
//! ```
//!
//! A sequence of types, one verb a file: only `verify` makes a module, so
//! nothing can be linked that was not verified. Every stage is kept by its
//! content, so a swap that changes one filter's settings compiles one image.
//!
//! A guest is hostile: what it sends is checked where it enters, and whatever
//! it does is one of the four faults of that one call.

mod prepare; // the five verbs in a row, each result kept
mod fetch; // Source → bytes
mod verify; // bytes + digest → Module
mod compile; // Module → Component
mod configure; // Component + settings → Image
mod link; // Image + grants → Filter
mod inspect; // what a module says of itself

mod filter; // ready to be called
mod pool; // instances that wait for their next call
mod call; // one call of one phase: its instance, its memory, what a trap means
mod budget; // the time that a call may take
mod exchange; // the lent request and response
mod grants; // grant ↔ interface: the auditor's table
pub mod geo; // where an address is

mod bindings; // the contract, as Wasmtime sees it
mod direct; // the fast way into a guest
mod engine; // the one place that configures Wasmtime
mod cache; // compiled code on disk
mod ticker; // the clock of deadlines

pub use compile::CompileError;
pub use configure::ConfigureError;
pub use engine::EngineError;
pub use exchange::{RequestSubject, ResponseSubject};
pub use fetch::{FetchError, Source};
pub use filter::{Filter, Instances, Phases};
pub use geo::Geo;
pub use grants::{Grants, Want};
pub use inspect::Inspection;
pub use link::LinkError;
pub use prepare::{FilterPlan, Host, HostOptions, Opened, PrepareError, Prepared, Reason};
pub use verify::VerifyError;
