//! Those who answer: how they are reached.

pub(crate) mod peer; // from an endpoint to what Pingora connects to
