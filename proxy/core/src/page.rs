//! What the edge says when something failed: as a page for people, as JSON
//! for programs, as a line of text for whoever asks for neither, and to gRPC
//! clients in their own terms.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::accept;
use crate::template::{Template, TemplateError};
use crate::verdict::Answer;

mod grpc;
pub use grpc::is_grpc;
#[cfg(test)]
mod tests;

/// What there is to say.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub status: StatusCode,
    /// A sentence for whoever asked.
    pub message: &'a str,
    /// The identifier of the exchange.
    pub id: &'a str,
    /// Whether what was asked for is more than a limit lets through: gRPC has a status for that.
    pub exhausted: bool,
}

/// The pages of an operator, over those that are built in.
#[derive(Debug, Clone)]
pub struct Pages {
    /// For some statuses; one status comes before a class of them.
    of: Vec<(Statuses, Page)>,
    all: Page,
    retry_after: HeaderValue,
}

/// A page in the forms that an operator has written it in.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub html: Option<Template<Place>>,
    pub json: Option<Template<Place>>,
}

/// What can be filled into a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Status,
    Reason,
    Message,
    Id,
}

/// One status, or a class of them. One status is less than a class: it is looked at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Statuses {
    One(u16),
    /// Those from so many hundred on.
    Class(u16),
}

/// The forms that a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    /// RFC 9457.
    Problem,
    Text,
}

impl Pages {
    /// `retry_after` are the seconds after which a client whose request was refused for now may ask again.
    pub fn new(mut of: Vec<(Statuses, Page)>, all: Page, retry_after: u64) -> Self {
        of.sort_by_key(|(statuses, _)| *statuses);
        Self { of, all, retry_after: HeaderValue::from(retry_after) }
    }

    /// The answer to a request with these headers.
    pub fn answer(&self, told: Told<'_>, request: &HeaderMap) -> Answer {
        if is_grpc(request) {
            return grpc::answer(told);
        }
        let form = Form::for_request(request);
        let body = match form {
            Form::Html => self.filled(told, |page| page.html.as_ref(), HTML, escape_html),
            Form::Json | Form::Problem => self.filled(told, |page| page.json.as_ref(), JSON, escape_json),
            Form::Text if told.id.is_empty() => format!("{}\n", told.message),
            // On a line of its own: what people copy when they ask.
            Form::Text => format!("{}\nRequest {}\n", told.message, told.id),
        };
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
        // It tells one client of one moment.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.ask_again(told.status, &mut headers);
        Answer { status: told.status, headers, body: Bytes::from(body) }
    }

    /// Says when to ask again, where that is to be said and nobody has.
    pub fn ask_again(&self, status: StatusCode, headers: &mut HeaderMap) {
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.entry(RETRY_AFTER).or_insert_with(|| self.retry_after.clone());
        }
    }

    fn filled(
        &self,
        told: Told<'_>,
        form: impl Fn(&Page) -> Option<&Template<Place>>,
        built_in: &str,
        escape: fn(&str, &mut String),
    ) -> String {
        let own = self.of.iter().filter(|(statuses, _)| statuses.include(told.status));
        let own = own.map(|(_, page)| page).chain([&self.all]).find_map(form);
        let fill = |place: Place, text: &mut String| place.fill(told, escape, text);
        match own {
            Some(page) => page.filled(fill),
            // A test has read it.
            None => Page::parse(built_in).map(|page| page.filled(fill)).unwrap_or_default(),
        }
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new(Vec::new(), Page::default(), RETRY_AFTER_DEFAULT)
    }
}

impl Page {
    /// Reads one form of a page.
    ///
    /// # Errors
    ///
    /// Where something is to be filled in that nobody knows.
    pub fn parse(text: &str) -> Result<Template<Place>, TemplateError> {
        Template::parse(
            text,
            &[
                ("status", Place::Status),
                ("reason", Place::Reason),
                ("message", Place::Message),
                ("id", Place::Id),
            ],
        )
    }

    /// A JSON page, filled in with values that need escaping: is JSON, if the page is.
    pub fn sample(page: &Template<Place>) -> String {
        let told =
            Told { status: StatusCode::SERVICE_UNAVAILABLE, message: "a \"b\"", id: "\\", exhausted: false };
        page.filled(|place, text| place.fill(told, escape_json, text))
    }
}

impl Place {
    fn fill(self, told: Told<'_>, escape: fn(&str, &mut String), text: &mut String) {
        match self {
            Self::Status => escape(told.status.as_str(), text),
            Self::Reason => escape(reason(told.status), text),
            Self::Message => escape(told.message, text),
            Self::Id => escape(told.id, text),
        }
    }
}

impl Statuses {
    fn include(self, status: StatusCode) -> bool {
        match self {
            Self::One(one) => status.as_u16() == one,
            Self::Class(hundreds) => status.as_u16() / 100 == hundreds,
        }
    }
}

/// A text that names no status of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a status from 400 to 599, or `4xx` or `5xx`")]
pub struct NotStatuses;

impl FromStr for Statuses {
    type Err = NotStatuses;

    fn from_str(text: &str) -> Result<Self, NotStatuses> {
        match text {
            "4xx" => Ok(Self::Class(4)),
            "5xx" => Ok(Self::Class(5)),
            _ => match text.parse() {
                Ok(status @ 400..600) => Ok(Self::One(status)),
                Ok(_) | Err(_) => Err(NotStatuses),
            },
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(status) => write!(f, "{status}"),
            Self::Class(hundreds) => write!(f, "{hundreds}xx"),
        }
    }
}

impl Form {
    /// Text for whoever would take anything, as people at a terminal do; else what is wanted most, and
    /// the page before the JSON.
    fn for_request(request: &HeaderMap) -> Self {
        let [text, html, json, problem] = accept::media(
            request,
            ["text/plain", "text/html", "application/json", "application/problem+json"],
        );
        let best = text.max(html).max(json).max(problem);
        // What can not be had is answered all the same (RFC 9110 section 15.5.7): with what is the least.
        if best == text {
            Self::Text
        } else if best == html {
            Self::Html
        } else if best == problem {
            Self::Problem
        } else {
            Self::Json
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Problem => "application/problem+json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// The phrase that goes with a status, or what its class means.
pub fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or(if status.is_server_error() { "Failure" } else { "Refused" })
}

fn escape_html(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            other => into.push(other),
        }
    }
}

/// For inside a string (RFC 8259 section 7).
fn escape_json(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            control if control < ' ' => into.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => into.push(other),
        }
    }
}

/// Seconds. As long as an endpoint takes to start again, and not so short that all who wait come back at once.
pub const RETRY_AFTER_DEFAULT: u64 = 5;

/// The page that is built in. It asks for nothing else: who can not be reached can not be asked for a style sheet.
const HTML: &str = include_str!("page/error.html");

/// Problem details (RFC 9457).
const JSON: &str = include_str!("page/error.json");

/// Headers of a gRPC answer.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
