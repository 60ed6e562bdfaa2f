//! What filters see of an exchange, and every edit they may make to it.
//!
//! A guest is hostile: names, values and paths are checked here, where they
//! enter. What a call changed is kept in a journal until it is known to have
//! succeeded, so that a fault leaves no trace.

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};

use crate::condition::canonical;
use crate::limits::TARGET_MAX;
use journal::Mark;

pub use change::{Change, apply};
pub use headers::Headers;
pub use journal::Journal;
pub use names::{RESERVED, header_name, is_reserved};

mod change;
mod headers;
mod journal;
mod names;
#[cfg(test)]
mod tests;

/// Why an edit was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("not a legal name, value, path or status")]
    Malformed,
    #[error("the proxy keeps this header to itself")]
    Reserved,
    #[error("past the limit")]
    TooLarge,
    #[error("the operator has not granted this cluster")]
    NotGranted,
}

/// One change to the header lines of a head. Names come in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<'a> {
    Set(&'a str, &'a [u8]),
    Add(&'a str, &'a [u8]),
    Remove(&'a str),
    /// Those whose names are like this; each `*` stands for any text, also none. Reserved ones stay.
    RemoveLike(&'a str),
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: Method,
    /// Lower case, without the port; empty where the request named none.
    pub host: Box<str>,
    pub target: PathAndQuery,
    pub headers: Headers,
    /// The target that this call found, once it has set another.
    target_before: Option<PathAndQuery>,
}

impl RequestHead {
    pub fn new(method: Method, host: Box<str>, target: PathAndQuery, headers: impl Into<Headers>) -> Self {
        Self { method, host, target, headers: headers.into(), target_before: None }
    }

    pub fn path(&self) -> &str {
        self.target.path()
    }

    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// Replaces path and query.
    ///
    /// # Errors
    ///
    /// `Malformed` unless it begins with one `/` (two would begin an authority
    /// where someone resolves it), is legal in a request line (RFC 9112 section
    /// 3.2.1), and has no `.` or `..` segment: a route would not be chosen for it either.
    pub fn set_target(&mut self, target: &str) -> Result<(), Refusal> {
        if target.len() > TARGET_MAX {
            return Err(Refusal::TooLarge);
        }
        let one_slash = target.starts_with('/') && !target.starts_with("//");
        if !one_slash || target.contains('#') || !target.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal::Malformed);
        }
        let target = PathAndQuery::try_from(target).map_err(|_illegal| Refusal::Malformed)?;
        if canonical::path(target.path()).is_none() {
            return Err(Refusal::Malformed);
        }
        let before = std::mem::replace(&mut self.target, target);
        self.target_before.get_or_insert(before);
        Ok(())
    }

    /// Keeps what was changed since the last commit, beside what the journal has.
    pub fn commit(&mut self) {
        self.target_before = None;
    }

    /// Takes back what was changed since the last commit.
    pub fn rollback(&mut self, journal: &mut Journal) {
        if let Some(before) = self.target_before.take() {
            self.target = before;
        }
        self.headers.unwind(journal, Mark::default());
    }
}

/// The head of a response.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    pub status: StatusCode,
    pub headers: Headers,
    status_before: Option<StatusCode>,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new(StatusCode::OK, HeaderMap::new())
    }
}

impl ResponseHead {
    pub fn new(status: StatusCode, headers: HeaderMap) -> Self {
        Self { status, headers: Headers::new(headers), status_before: None }
    }

    /// Replaces the status.
    ///
    /// # Errors
    ///
    /// `Malformed` outside 200–599, and where the change would take away, or
    /// give, the response its body: 204 and 304 have none (RFC 9110 section 6.4.1).
    pub fn set_status(&mut self, status: u16) -> Result<(), Refusal> {
        let status = final_status(status)?;
        if bodiless(status) != bodiless(self.status) {
            return Err(Refusal::Malformed);
        }
        self.status_before.get_or_insert(self.status);
        self.status = status;
        Ok(())
    }

    /// Keeps what was changed since the last commit, beside what the journal has.
    pub fn commit(&mut self) {
        self.status_before = None;
    }

    /// Takes back what was changed since the last commit.
    pub fn rollback(&mut self, journal: &mut Journal) {
        if let Some(before) = self.status_before.take() {
            self.status = before;
        }
        self.headers.unwind(journal, Mark::default());
    }
}

/// A status that ends an exchange.
///
/// # Errors
///
/// `Malformed` outside 200–599.
pub fn final_status(status: u16) -> Result<StatusCode, Refusal> {
    match StatusCode::from_u16(status) {
        Ok(status) if (200..600).contains(&status.as_u16()) => Ok(status),
        Ok(_) | Err(_) => Err(Refusal::Malformed),
    }
}

fn bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
