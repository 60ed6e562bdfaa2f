//! What an edge decides. This crate may never wait, read a clock, touch the
//! world or log: time, chance and the world are arguments.
//!
//! Read the modules in the order of a request.

pub mod certificate; // what a client is shown, and for which name
pub mod wire; // which bytes are a request
pub mod client; // who is asking
pub mod survey; // what their head has in it
pub mod forward; // what is said of them to whoever answers
pub mod condition; // what a request must look like
pub mod route; // what they asked for
pub mod head; // what filters see of it
pub mod facts; // what filters leave for each other
pub mod verdict; // what a filter answers
pub mod template; // texts with places to fill in
pub mod redirect; // where clients are sent instead
pub mod accept; // what a client would rather have
pub mod page; // what is said when something failed
pub mod compress; // what is made smaller on its way to the client
pub mod fault; // how a filter fails
pub mod cluster; // who answers
pub mod address; // where they are
pub mod cookie; // how a client says who answered before
pub mod health; // whether they are well
pub mod outlier; // who is better left alone
pub mod breaker; // whether anybody is asked
pub mod retry; // who is asked after one has failed
pub mod digest; // which bytes a module is
pub mod hash; // numbers that stand for texts
pub mod ids; // names, resolved
pub mod limits; // every bound, with its reason
pub mod units; // sizes and durations as people write them
