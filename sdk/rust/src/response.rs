use crate::refusal::Refused;
use crate::request::text;
use crate::{Edits, HeaderName, Refusal, wire};

/// The head of the response, before it is sent to the client. Lent for the length of one call.
///
/// A refused edit ends the call as a fault, as with [`Request`](crate::Request).
#[derive(Debug)]
pub struct Response {
    pub(crate) wire: wire::Response,
    pub(crate) refused: Refused,
}

/// Reading. Each of these asks the proxy: keep what is needed twice.
impl Response {
    /// From 200 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.wire.status()
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

    /// What a filter left under this name during the request.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<String> {
        self.wire.fact(name)
    }
}

/// Editing. A refused edit ends the call as a fault.
impl Response {
    /// Replaces the status: from 200 to 599. A response with a body can not become one without
    /// (204, 304), nor the other way round.
    pub fn set_status(&mut self, status: u16) {
        if let Err(refusal) = self.wire.set_status(status) {
            self.refused.keep(refusal, "set the status to", &status.to_string());
        }
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

    /// Makes all of these edits in one call to the proxy or, where one is refused, none.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub fn try_apply(&mut self, edits: &Edits<'_>) -> Result<(), Refusal> {
        if edits.is_empty() { Ok(()) } else { self.wire.apply(edits) }
    }
}
