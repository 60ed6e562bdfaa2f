use crate::refusal::Refused;
use crate::{Client, Cluster, Edits, HeaderName, Refusal, wire};

/// The head of the request, as the filters before this one left it. Lent for the length of one call.
///
/// # Edits that are refused
///
/// A filter that edits takes for granted that the proxy allows it. Where the proxy does not (a
/// reserved header, a cluster that was not granted, a head past its limit), the call ends as a
/// *fault* that says which edit was refused and why; what else it had edited is taken back, and the
/// operator's `on_fault` decides what becomes of the request. Where a refusal is to be expected, the
/// `try_…` methods hand it to the filter instead.
#[derive(Debug)]
pub struct Request {
    pub(crate) wire: wire::Request,
    pub(crate) refused: Refused,
}

/// Reading. Each of these asks the proxy: keep what is needed twice.
impl Request {
    /// Who sent it, as the proxy established it before any filter ran.
    #[must_use]
    pub fn client(&self) -> Client {
        self.wire.client()
    }

    /// The identifier of this exchange, as in the access log.
    #[must_use]
    pub fn id(&self) -> String {
        self.wire.id()
    }

    /// `GET`, `POST`, …
    #[must_use]
    pub fn method(&self) -> String {
        self.wire.method()
    }

    /// The host asked for, lower case, without the port; empty where the request named none.
    #[must_use]
    pub fn host(&self) -> String {
        self.wire.host()
    }

    /// The path, percent-encoded as it came, without the query.
    #[must_use]
    pub fn path(&self) -> String {
        self.wire.path()
    }

    /// What follows the first `?`, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<String> {
        self.wire.query()
    }

    /// Path and query, as [`set_path`](Self::set_path) takes them.
    #[must_use]
    pub fn target(&self) -> String {
        self.wire.target()
    }

    /// The first value of this header, if there is one.
    #[must_use]
    pub fn header(&self, name: impl AsRef<str>) -> Option<Vec<u8>> {
        self.wire.header(name.as_ref())
    }

    /// The first value of this header, if there is one and it is UTF-8.
    #[must_use]
    pub fn header_str(&self, name: impl AsRef<str>) -> Option<String> {
        text(self.wire.header(name.as_ref()))
    }

    /// Every header, in order. Dearer than asking for the few that matter.
    #[must_use]
    pub fn headers(&self) -> Vec<(HeaderName, Vec<u8>)> {
        self.wire.headers()
    }

    /// The value of this cookie, if the client sent it and it is UTF-8; without the quotes around it.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let line = self.wire.header("cookie")?;
        cookie(&line, name.as_bytes()).and_then(|value| String::from_utf8(value.to_vec()).ok())
    }

    /// What an earlier filter left under this name. Clients can not set facts.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<String> {
        self.wire.fact(name)
    }
}

/// Editing. A refused edit ends the call as a fault; see [`Request`].
impl Request {
    /// Replaces path and query. Begins with `/`.
    pub fn set_path(&mut self, path_and_query: &str) {
        let made = self.wire.set_path(path_and_query);
        self.refused.note(made, "set the path to", path_and_query);
    }

    /// Replaces every value of this header by one.
    pub fn set_header(&mut self, name: &HeaderName, value: impl AsRef<[u8]>) {
        let made = self.wire.set_header(name, value.as_ref());
        self.refused.note(made, "set header", name);
    }

    /// Adds a value beside those there are.
    pub fn add_header(&mut self, name: &HeaderName, value: impl AsRef<[u8]>) {
        let made = self.wire.add_header(name, value.as_ref());
        self.refused.note(made, "add header", name);
    }

    /// Removes every value of this header.
    pub fn remove_header(&mut self, name: &HeaderName) {
        let made = self.wire.remove_header(name);
        self.refused.note(made, "remove header", name);
    }

    /// Leaves a fact for the filters that run later, and for the access log.
    pub fn set_fact(&mut self, name: &str, value: &str) {
        let made = self.wire.apply(Edits::new().fact(name, value));
        self.refused.note(made, "leave fact", name);
    }

    /// Makes all of these edits in one call to the proxy.
    pub fn apply(&mut self, edits: &Edits<'_>) {
        if let Err(refusal) = self.try_apply(edits) {
            self.refused.keep(refusal, "edit", &edits.names());
        }
    }

    /// Sends this exchange to another cluster than the route's own.
    pub fn route_to(&mut self, cluster: &Cluster) {
        let made = self.wire.route_to(cluster.as_str());
        self.refused.note(made, "route to", cluster.as_str());
    }
}

/// Editing where a refusal is to be expected, because what is set came from the client.
impl Request {
    /// Replaces path and query.
    ///
    /// # Errors
    ///
    /// `Malformed` unless it begins with one `/`, is legal in a request and has no `.` or `..` segment;
    /// `TooLarge` past 8 KiB.
    pub fn try_set_path(&mut self, path_and_query: &str) -> Result<(), Refusal> {
        self.wire.set_path(path_and_query)
    }

    /// Makes all of these edits in one call to the proxy or, where one is refused, none.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub fn try_apply(&mut self, edits: &Edits<'_>) -> Result<(), Refusal> {
        if edits.is_empty() { Ok(()) } else { self.wire.apply(edits) }
    }

    /// Sends this exchange to another cluster than the route's own.
    ///
    /// # Errors
    ///
    /// `NotGranted` where the filter's `grants` do not have `cluster:` and this name.
    pub fn try_route_to(&mut self, cluster: &Cluster) -> Result<(), Refusal> {
        self.wire.route_to(cluster.as_str())
    }
}

pub(crate) fn text(value: Option<Vec<u8>>) -> Option<String> {
    String::from_utf8(value?).ok()
}

/// The value of a cookie in a `cookie` header's line (RFC 6265 section 5.4).
pub(crate) fn cookie<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let mut rest = line;
    loop {
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (pair, after) = rest.split_at_checked(end)?;
        let value = pair.trim_ascii_start().strip_prefix(name).and_then(|value| value.strip_prefix(b"="));
        if let Some(value) = value.map(<[u8]>::trim_ascii_end) {
            let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            return Some(inner.unwrap_or(value));
        }
        rest = after.get(1..)?;
    }
}

#[cfg(test)]
mod tests;
