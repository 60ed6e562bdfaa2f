//! What the edge itself says, made ready: files are read, pages compiled.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use edgeloom_config::{Body, Config};
use edgeloom_core::limits::ANSWER_BODY_MAX;
use edgeloom_core::page::{Page, Pages, Place};
use edgeloom_core::redirect::Redirect;
use edgeloom_core::template::{Template, TemplateError};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::Target;
use crate::limits::PAGE_MAX;

/// What a route answers by itself.
pub(crate) struct RouteAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) says: Says,
}

/// What stands in an answer.
pub(crate) enum Says {
    /// The page for its status.
    Page,
    Body(Bytes),
    Redirect(Redirect),
}

/// All that a configuration has the edge say.
pub(super) struct Answers {
    pub(super) pages: Pages,
    /// By the position of the route.
    pub(super) targets: Vec<Target>,
}

/// A file that can not be said.
#[derive(Debug)]
pub(crate) struct FileRefused {
    path: PathBuf,
    why: Unfit,
}

#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it can not be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it has more than the {most} bytes that it may have")]
    TooLarge { most: usize },
    #[error("it is not UTF-8, from byte {at} on")]
    NotText { at: usize },
    #[error("{0}")]
    Template(#[from] TemplateError),
    #[error("it is not JSON once it is filled in: {0}")]
    NotJson(#[from] serde_json::Error),
}

/// Reads what a configuration names; what was read becomes part of `digest`.
///
/// # Errors
///
/// Every file that can not be used.
pub(super) fn read(config: &Config, digest: &mut Sha256) -> Result<Answers, Vec<FileRefused>> {
    let mut reader = Reader { digest, refused: Vec::new() };
    let answers = &config.answers;
    let of = answers.pages.iter().map(|(statuses, page)| (*statuses, reader.page(page))).collect();
    let pages = Pages::new(of, reader.page(&answers.page), answers.retry_after.as_secs());
    let targets = config.routes.iter().map(|route| match &route.target {
        edgeloom_config::Target::Cluster(cluster) => Target::Cluster(*cluster),
        edgeloom_config::Target::Answer(answer) => Target::Answer(Box::new(reader.answer(answer))),
    });
    let targets = targets.collect();
    if reader.refused.is_empty() { Ok(Answers { pages, targets }) } else { Err(reader.refused) }
}

/// The files that are read for it.
pub(super) fn files(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let of_routes = config.routes.iter().filter_map(|route| match &route.target {
        edgeloom_config::Target::Answer(answer) => match &answer.body {
            Body::File(path) => Some(path),
            Body::None | Body::Text(_) | Body::Redirect(_) => None,
        },
        edgeloom_config::Target::Cluster(_) => None,
    });
    config.answers.files().chain(of_routes)
}

/// Reads on after a file that can not be used, for what else there is to tell.
struct Reader<'a> {
    digest: &'a mut Sha256,
    refused: Vec<FileRefused>,
}

impl Reader<'_> {
    fn page(&mut self, page: &edgeloom_config::Page) -> Page {
        let html = page.html.as_ref().and_then(|path| self.template(path, |_| Ok(())));
        let json = page.json.as_ref().and_then(|path| {
            self.template(path, |page| {
                serde_json::from_str::<serde::de::IgnoredAny>(&Page::sample(page))?;
                Ok(())
            })
        });
        Page { html, json }
    }

    fn template(
        &mut self,
        path: &Path,
        check: impl FnOnce(&Template<Place>) -> Result<(), Unfit>,
    ) -> Option<Template<Place>> {
        self.read(path, PAGE_MAX, |bytes| {
            let not_text = |error: std::str::Utf8Error| Unfit::NotText { at: error.valid_up_to() };
            let page = Page::parse(std::str::from_utf8(&bytes).map_err(not_text)?)?;
            check(&page)?;
            Ok(page)
        })
    }

    fn answer(&mut self, answer: &edgeloom_config::Answer) -> RouteAnswer {
        let mut headers: HeaderMap = answer.headers.iter().cloned().collect();
        let mut is = |kind| {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        };
        let says = match &answer.body {
            Body::None if answer.status.is_client_error() || answer.status.is_server_error() => Says::Page,
            Body::None => Says::Body(Bytes::new()),
            Body::Text(text) => {
                is(TEXT);
                Says::Body(text.clone().into())
            }
            Body::File(path) => {
                is(media_type(path));
                Says::Body(self.read(path, ANSWER_BODY_MAX, |bytes| Ok(bytes.into())).unwrap_or_default())
            }
            Body::Redirect(redirect) => Says::Redirect(redirect.clone()),
        };
        RouteAnswer { status: answer.status, headers, says }
    }

    fn read<T>(
        &mut self,
        path: &Path,
        most: usize,
        make: impl FnOnce(Vec<u8>) -> Result<T, Unfit>,
    ) -> Option<T> {
        let made = bytes_of(path, most).and_then(|bytes| {
            self.digest.update(Sha256::digest(&bytes));
            make(bytes)
        });
        made.map_err(|why| self.refused.push(FileRefused { path: path.to_owned(), why })).ok()
    }
}

fn bytes_of(path: &Path, most: usize) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(Unfit::TooLarge { most }) } else { Ok(bytes) }
}

/// By the end of its name; what nobody knows is offered as a download.
fn media_type(path: &Path) -> &'static str {
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_ascii_lowercase();
    match &*kind {
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" => TEXT,
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "pdf" => "application/pdf",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

impl fmt::Display for FileRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}
