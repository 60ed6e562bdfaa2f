//! A request like those of a browser.

use edgeloom_core::head::RequestHead;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, uri::PathAndQuery};

pub(crate) fn request(host: &str, target: &str) -> RequestHead {
    let target = PathAndQuery::try_from(target).unwrap();
    RequestHead::new(Method::GET, host.into(), target, headers())
}

/// Fourteen lines of the lengths that a browser sends.
pub(crate) fn headers() -> HeaderMap {
    let line = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    BROWSER.into_iter().map(line).collect()
}

const BROWSER: [(&str, &str); 14] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "sv-SE,sv;q=0.8,en-US;q=0.5,en;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example/articles?page=3"),
    ("cookie", "session=0f2c9a417be35d68; theme=dark; consent=1; visitor=7c1d0a9e44b2"),
    ("dnt", "1"),
    ("sec-gpc", "1"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-user", "?1"),
    ("priority", "u=0, i"),
];
