//! What a request must look like: for a route to be chosen, for a filter to run.
//!
//! Every pattern is read from the text that an operator writes, and shown as a
//! text that reads back to the same pattern.

use std::borrow::Cow;

use http::{HeaderName, Method};

use crate::head::RequestHead;

pub(crate) mod canonical;
mod host;
mod path;
mod pattern;
mod query;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use host::without_root;
pub use host::{HostPattern, HostPatternError};
pub use path::{PathPattern, PathPatternError};
pub use pattern::{Pattern, PatternError};
pub use value::{ValuePattern, ValuePatternError};

/// What must hold of a request. An empty list asks for nothing; the default always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// One of these.
    pub hosts: Vec<HostPattern>,
    /// One of these.
    pub paths: Vec<PathPattern>,
    /// One of these.
    pub methods: Vec<Method>,
    /// All of these. Of a header with several lines, one must fit.
    pub headers: Vec<(HeaderName, ValuePattern)>,
    /// All of these, names and values as they are without percent-encoding.
    /// Of a parameter given several times, one must fit.
    pub query: Vec<(String, ValuePattern)>,
}

impl Condition {
    pub fn holds(&self, request: &RequestHead) -> bool {
        self.is_met_beyond_place(request)
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(&request.host)))
            && (self.paths.is_empty() || self.is_met_by_path(request.path()))
    }

    /// Whether this asks for nothing.
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all but host and path is as it must be.
    pub(crate) fn is_met_beyond_place(&self, request: &RequestHead) -> bool {
        (self.methods.is_empty() || self.methods.contains(&request.method))
            && self.headers.iter().all(|(name, value)| {
                let lines = request.headers.map().get_all(name);
                value.is_met_by(lines.iter().map(|line| Cow::Borrowed(line.as_bytes())))
            })
            && self.query.iter().all(|(name, value)| {
                let query = request.query().unwrap_or_default();
                value.is_met_by(query::values(query, name))
            })
    }

    fn is_met_by_path(&self, path: &str) -> bool {
        canonical::path(path)
            .is_some_and(|path| self.paths.iter().any(|pattern| pattern.matches_canonical(&path)))
    }
}
