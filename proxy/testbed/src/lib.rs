//! What tests, the demo and load tests stand on: origins to talk to, a real
//! edge to drive, a client to ask it, and a geo database to look into.
//!
//! ```no_run
//! use edgeloom_testbed::{Edge, Origin, Request};
//!
//! let origin = Origin::saying("hello");
//! let edge = Edge::start(&format!(
//!     "routes: [{{ name: all, to: origin }}]
//! clusters: {{ origin: {{ endpoints: ['{}'] }} }}",
//!     origin.address()
//! ));
//! let response = edge.request(Request::get("/").host("shop.example"));
//! assert_eq!((response.status(), response.text()), (200, "hello"));
//! ```
//!
//! Methods without a `Result` are for tests: they panic at the line of the
//! test, and say what the edge said. Each has a twin with a `Result`.
//! Nothing here sleeps: waiting is for a line, an answer, or a deadline.

mod certificates; // who one claims to be, and who vouches for it
mod client; // who asks
mod configuration; // a configuration file, elsewhere: other addresses, other paths
mod dns; // where names lead
mod edge; // the real binary, started and driven
pub mod geo; // where addresses are, for a demo world
mod lines; // what a process says, line by line
mod origin; // who answers
mod process; // what a process costs
mod tls; // how a client and an origin speak when others may listen

pub use certificates::{Authority, CertificateError, Identity, IdentityFiles, Order};
pub use client::{Client, ClientError, Echo, Frame, Frames, Outcome, Raw, Request, Response, fields_of};
pub use configuration::Configuration;
pub use dns::{Mood, NameServer};
pub use edge::{Edge, Launch, StartError, Stopped, replace};
pub use lines::Lines;
pub use origin::{Death, Manner, Origin};
pub use tls::{Handshake, OriginTls, Tls, Versions};
