use crate::{HeaderName, Refusal, header};

/// A response made by the filter instead of an upstream.
///
/// ```
/// use edgeloom_sdk::{header, Answer};
///
/// let moved = Answer::redirect(308, "https://shop.example/");
/// let closed = Answer::text(503, "Back at noon.\n").header(header!("retry-after"), "3600");
/// assert_eq!((moved.status, closed.status), (308, 503));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// From 200 to 599; any other is a fault.
    pub status: u16,
    /// In the order in which they are sent. The proxy adds `content-length` itself.
    pub headers: Vec<(HeaderName, Vec<u8>)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer without headers or body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A short text for people.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status).header(header!("content-type"), "text/plain; charset=utf-8").body(text.into())
    }

    /// Sends the client elsewhere: 301, 302, 303, 307 or 308.
    #[must_use]
    pub fn redirect(status: u16, location: impl AsRef<str>) -> Self {
        Self::new(status).header(header!("location"), location.as_ref())
    }

    /// With this header too.
    #[must_use]
    pub fn header(mut self, name: &HeaderName, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.clone(), value.as_ref().to_vec()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// What a client is told when a refusal is passed on with `?`: nothing but that it is not its fault.
impl From<Refusal> for Answer {
    fn from(_: Refusal) -> Self {
        Self::text(500, "This request could not be prepared.\n")
    }
}
