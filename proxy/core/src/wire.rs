//! The bytes of HTTP/1 as they come: where each message ends, and whether all who read it would agree on that.
//!
//! Two readers that find different ends in the same bytes let a client smuggle
//! a request past the first of them. So what RFC 9112 lets a recipient repair
//! is refused here: `proxy/CONFORMANCE.md` lists it.

pub mod announcement; // whom a proxy before us speaks for
pub mod body; // where a body ends
pub mod head; // where a head ends, and what it says of its body
