//! What the edge itself says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use edgeloom_core::page::{RETRY_AFTER_DEFAULT, Statuses};

use crate::limits::RetryAfter;
use crate::module::FilePath;
use crate::tree::At;
use crate::written::{Entries, Field, meant, section, texts};

/// What is said where something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The page for every status that has none of its own.
    pub page: Page,
    pub pages: Vec<(Statuses, Page)>,
    /// When a client whose request was refused for now may ask again.
    pub retry_after: Duration,
}

/// The files of a page, by the form that they are in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub html: Option<PathBuf>,
    pub json: Option<PathBuf>,
}

impl Answers {
    pub(crate) fn resolve(raw: Own, folder: &Path) -> Option<Self> {
        let Errors { html, json, of } = raw.errors?.value;
        let pages = of?.value.0.into_iter().map(|(statuses, page)| {
            let OwnPage { html, json } = page?.value;
            Some((statuses.value, Page::resolve(html, json, folder)?))
        });
        Some(Self {
            page: Page::resolve(html, json, folder)?,
            pages: pages.collect::<Option<_>>()?,
            retry_after: raw.retry_after?.value.0,
        })
    }

    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let pages = self.pages.iter().map(|(_, page)| page).chain([&self.page]);
        pages.flat_map(|page| page.html.iter().chain(&page.json))
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            page: Page::default(),
            pages: Vec::new(),
            retry_after: Duration::from_secs(RETRY_AFTER_DEFAULT),
        }
    }
}

impl Page {
    fn resolve(html: Field<Option<FilePath>>, json: Field<Option<FilePath>>, folder: &Path) -> Option<Self> {
        let path = |file: Field<Option<FilePath>>| Some(file?.value.map(|file| folder.join(file.0)));
        Some(Self { html: path(html)?, json: path(json)? })
    }
}

section! {
    /// What the edge itself says. Clients that want HTML, as browsers do, get a page; those that want JSON get problem details (RFC 9457); all others get a line of text; and gRPC's get a `grpc-status`.
    Own = "answers" {
        /// The pages that are sent where something failed.
        errors: Errors = Errors::from(Answers::default()),
        /// What `Retry-After` says on every 503 that does not say it itself.
        retry_after: RetryAfter = RetryAfter(Answers::default().retry_after),
    }
}

section! {
    /// The pages that are sent where something failed: files, up to 64KiB each, with `${status}`, `${reason}`, `${message}` and `${id}` (of the request) to be filled in. They are read with the configuration, and watched as it is.
    Errors = "errors" {
        /// The page for people, instead of the one that is built in.
        html: Option<FilePath> = None,
        /// The same for programs. It must be JSON once it is filled in.
        json: Option<FilePath> = None,
        /// Pages for some statuses: for one, such as `503`, or for all from `4xx` or `5xx`. What one of these does not have is taken from the class, and then from above.
        of: Entries<Statuses, OwnPage> = Entries(Vec::new()),
    }
}

section! {
    /// A page for some statuses.
    OwnPage = "a page" {
        /// The page for people.
        html: Option<FilePath> = None,
        /// The same for programs. It must be JSON once it is filled in.
        json: Option<FilePath> = None,
    }
}

impl From<Answers> for Own {
    fn from(answers: Answers) -> Self {
        let retry_after = meant(RetryAfter(answers.retry_after));
        Self { errors: meant(answers.into()), retry_after }
    }
}

impl From<Answers> for Errors {
    fn from(answers: Answers) -> Self {
        let own = |page: Page| OwnPage {
            html: meant(page.html.map(FilePath)),
            json: meant(page.json.map(FilePath)),
        };
        let of = answers.pages.into_iter();
        let of = of.map(|(statuses, page)| (At::unwritten(statuses), meant(own(page))));
        Self {
            html: meant(answers.page.html.map(FilePath)),
            json: meant(answers.page.json.map(FilePath)),
            of: meant(Entries(of.collect())),
        }
    }
}

texts! {
    Statuses = "a status" like "503";
}
