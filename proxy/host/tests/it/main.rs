//! The life of a module and the calls into it, with the guests that
//! `cargo xtask filters` builds.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects by panicking"
)]

mod stage; // a host, plans and subjects

mod faults; // guests that are wrong on purpose
mod life; // each verb, and each refusal at its verb
mod restarts; // what is kept, in memory and on disk
mod ways; // directly and as a component: the same
