//! Those who answer: how they are reached.

pub(crate) mod peer; // from an endpoint to what Pingora connects to
pub(crate) mod credentials; // whom it must be signed by, and who we are to it
mod dial; // connecting, where Pingora's own way is not enough
mod introduction; // the header that says who the client is
pub(crate) mod trouble; // why it could not be reached
