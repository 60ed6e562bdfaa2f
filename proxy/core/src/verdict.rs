//! What a filter answers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// What becomes of the request after one filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; these bytes are the filter's memo for the response phase.
    Proceed(Vec<u8>),
    /// Go on, and do not call this filter's response phase.
    Done,
    /// Stop here and send this.
    Answer(Answer),
}

/// A response made here, not upstream. The status is from 200 to 599.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A short plain-text answer: the status's reason and a line of text.
    pub fn text(status: StatusCode, body: &'static str) -> Self {
        let mut headers = HeaderMap::with_capacity(2);
        headers
            .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
        Self { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }
}
