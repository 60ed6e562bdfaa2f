//! Routes that the edge answers itself.

use std::path::{Path, PathBuf};

use edgeloom_core::head::is_reserved;
use edgeloom_core::redirect::Redirect;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::each_named;
use crate::limits::Status;
use crate::module::FilePath;
use crate::problem::{Problem, Problems};
use crate::tree::{At, Span};
use crate::written::{Entries, Field, Leaf, meant, section, texts};

/// What a route answers by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// Those that filters may set, too.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Body,
}

/// What stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing; on a failure, the page for it.
    None,
    Text(String),
    /// What this file holds.
    File(PathBuf),
    /// Where the client is to go instead.
    Redirect(Redirect),
}

impl Answer {
    pub(super) fn resolve(raw: At<Own>, folder: &Path, problems: &mut Problems) -> Option<Self> {
        let At { value: Own { status, headers, body, file, redirect }, span } = raw;
        let headers = headers_of(headers, problems);
        let body = body_of(body?, file?, redirect?, folder, span, problems)?;
        let At { value: written, span } = status?;
        let status = match (&written, &body) {
            (Some(Status(status)), _) => StatusCode::from_u16(u16::try_from(*status).ok()?).ok()?,
            (None, Body::Redirect(_)) => StatusCode::PERMANENT_REDIRECT,
            (None, Body::Text(_) | Body::File(_)) => StatusCode::OK,
            (None, Body::None) => {
                problems.push(span, Problem::Answer { what: "says nothing", remedy: SAY_SOMETHING });
                return None;
            }
        };
        let moves = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let problem = match body {
            Body::Redirect(_) if !moves => Some(("redirects with a status that does not", MOVES)),
            Body::Text(_) | Body::File(_) if matches!(status.as_u16(), 204 | 304) => {
                Some(("has a body, and a status that has none", "use `200`, or leave the body out"))
            }
            Body::None | Body::Text(_) | Body::File(_) | Body::Redirect(_) => None,
        };
        if let Some((what, remedy)) = problem {
            problems.push(span, Problem::Answer { what, remedy });
            return None;
        }
        Some(Self { status, headers: headers?, body })
    }

    pub(super) fn write(&self) -> Own {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (At::unwritten(name.clone()), meant(HeaderText(value.clone()))));
        let (mut body, mut file, mut redirect) = (None, None, None);
        match &self.body {
            Body::None => {}
            Body::Text(text) => body = Some(Text(text.clone())),
            Body::File(path) => file = Some(FilePath(path.clone())),
            Body::Redirect(there) => redirect = Some(there.clone()),
        }
        Own {
            status: meant(Some(Status(self.status.as_u16().into()))),
            headers: meant(Entries(headers.collect())),
            body: meant(body),
            file: meant(file),
            redirect: meant(redirect),
        }
    }
}

fn headers_of(
    raw: Field<Entries<HeaderName, HeaderText>>,
    problems: &mut Problems,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let spans: Vec<_> = raw.iter().flat_map(|raw| &raw.value.0).map(|(name, _)| name.span).collect();
    let headers = each_named(raw, problems)?;
    for ((name, _), span) in headers.iter().zip(spans) {
        if is_reserved(name.as_str()) {
            let what = "sets a header that the edge keeps to itself";
            problems.push(
                span,
                Problem::Answer { what, remedy: "leave it out: the edge says it where it is so" },
            );
        }
    }
    Some(headers.into_iter().map(|(name, HeaderText(value))| (name, value)).collect())
}

fn body_of(
    text: At<Option<Text>>,
    file: At<Option<FilePath>>,
    redirect: At<Option<Redirect>>,
    folder: &Path,
    span: Span,
    problems: &mut Problems,
) -> Option<Body> {
    match (text.value, file.value, redirect.value) {
        (None, None, None) => Some(Body::None),
        (Some(Text(text)), None, None) => Some(Body::Text(text)),
        (None, Some(FilePath(path)), None) => Some(Body::File(folder.join(path))),
        (None, None, Some(redirect)) => Some(Body::Redirect(redirect)),
        _ => {
            let remedy = "keep one of `body`, `file` and `redirect`";
            problems.push(span, Problem::Answer { what: "says several things", remedy });
            None
        }
    }
}

const SAY_SOMETHING: &str = "give it a `status`, a `body`, a `file` or a `redirect`";
const MOVES: &str = "use 301, 302, 303, 307 or 308, or leave `status` out for 308";

section! {
    /// What is answered without asking anybody. It passes the route's filters as every response does.
    Own = "an answer" {
        /// Its status. By default 200, and 308 (for ever, and with the same method) for a redirect.
        status: Option<Status> = None,
        /// Headers by name. `content-type` is guessed from the name of a file, and is plain text for a `body`.
        headers: Entries<HeaderName, HeaderText> = Entries(Vec::new()),
        /// Its body. Without any, a status from 400 on comes with the page that `answers` has for it.
        body: Option<Text> = None,
        /// A file that holds its body, of at most 1MiB. It is read with the configuration, and watched as it is.
        file: Option<FilePath> = None,
        /// The address that the client is sent to, with `${host}`, `${path}`, `${query}`, and `${target}` for path and query.
        redirect: Option<Redirect> = None,
    }
}

/// Any text.
#[derive(Debug, Clone)]
pub(crate) struct Text(pub(crate) String);

impl Leaf for Text {
    const NAME: &'static str = "a text";
    const EXAMPLE: &'static str = "We are back soon.";

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Value {
        self.0.as_str().into()
    }

    fn schema() -> Value {
        json!({ "type": "string", "examples": [Self::EXAMPLE] })
    }
}

/// The value of a header. Numbers are taken as they are written: `retry-after: 60`.
#[derive(Debug, Clone)]
pub(crate) struct HeaderText(HeaderValue);

impl Leaf for HeaderText {
    const NAME: &'static str = "a header's value";
    const EXAMPLE: &'static str = "no-store";

    fn parse(text: &str) -> Result<Self, String> {
        let legal = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let value = HeaderValue::try_from(text).ok().filter(|_| legal && text.trim() == text);
        value.map(Self).ok_or_else(|| "printable ASCII on one line, without spaces around it".to_owned())
    }

    fn show(&self) -> Value {
        self.0.to_str().unwrap_or_default().into()
    }

    fn schema() -> Value {
        json!({ "type": ["string", "number", "boolean"], "examples": [Self::EXAMPLE] })
    }
}

texts! {
    Redirect = "an address" like "https://shop.example${target}";
}
