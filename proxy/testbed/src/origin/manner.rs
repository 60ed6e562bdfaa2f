//! How an origin behaves.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What an origin says, and how it says it.
#[derive(Debug, Clone)]
pub struct Manner {
    pub(super) name: Option<String>,
    pub(super) say: Say,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) trailers: HeaderMap,
    pub(super) pause: Duration,
    pub(super) death: Option<Death>,
}

#[derive(Debug, Clone)]
pub(super) enum Say {
    Echo,
    Bytes(Bytes),
    /// As many bytes as the path ends with, or how many the request had.
    Measure,
}

/// When an origin closes the connection that it should have answered on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// As soon as it has been accepted.
    OnAccept,
    /// When the request is there, without an answer.
    OnRequest,
    /// After the head and one byte of an answer that announces more.
    InBody,
    /// After each whole answer: no keep-alive.
    AfterAnswer,
    /// When something was sent, after an answer that is no HTTP.
    Nonsense,
    /// Never, but after the head and one byte of an answer it says no more.
    Silent,
}

impl Manner {
    /// Answers with what it was asked, as JSON: see [`crate::Echo`].
    pub fn echo() -> Self {
        Self::of(Say::Echo).with_header("content-type", "application/json")
    }

    /// Answers everything with these bytes.
    pub fn saying(body: impl Into<Bytes>) -> Self {
        Self::of(Say::Bytes(body.into())).with_header("content-type", "text/plain")
    }

    /// Answers `GET /…/n` with n bytes, and anything else with the number of bytes that came with it: neither
    /// is ever in memory as a whole.
    pub fn measuring() -> Self {
        Self::of(Say::Measure)
    }

    /// Answers with 1 KiB, as fast as it can: for load tests.
    pub fn kibibyte() -> Self {
        Self::saying(vec![b'x'; 1024])
    }

    fn of(say: Say) -> Self {
        Self {
            name: None,
            say,
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            trailers: HeaderMap::new(),
            pause: Duration::ZERO,
            death: None,
        }
    }

    /// Gives its name: in `x-origin`, and in an echo.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self.with_header("x-origin", name)
    }

    #[expect(clippy::panic, reason = "for tests: the status is written there")]
    #[must_use]
    #[track_caller]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap_or_else(|_| panic!("{status} is no HTTP status"));
        self
    }

    /// Sends this header too, beside others of its name.
    #[expect(clippy::panic, reason = "for tests: the header is written there")]
    #[must_use]
    #[track_caller]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => self.headers.append(name, value),
            _ => panic!("`{name}: {value}` is no HTTP header"),
        };
        self
    }

    /// Sends this field behind the body, and says nothing of it before. hyper does so in HTTP/2 only.
    #[expect(clippy::panic, reason = "for tests: the field is written there")]
    #[must_use]
    #[track_caller]
    pub fn with_trailer(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => self.trailers.append(name, value),
            _ => panic!("`{name}: {value}` is no field"),
        };
        self
    }

    /// Thinks for so long before it answers.
    #[must_use]
    pub fn slow(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    #[must_use]
    pub fn dying(mut self, death: Death) -> Self {
        self.death = Some(death);
        self
    }
}
