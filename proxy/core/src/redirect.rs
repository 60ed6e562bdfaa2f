//! Where clients are sent instead: an address with places for what they asked for.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::head::RequestHead;
use crate::template::{Template, TemplateError};

/// An address, absolute or beginning with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    text: String,
    template: Template<Place>,
}

/// What can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Host,
    Path,
    Query,
    Target,
}

/// Why nobody can be sent there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    #[error("{0}")]
    Template(#[from] TemplateError),
    #[error("`https://` or `http://` and a host, or a path that begins with one `/` and a letter")]
    Address,
    #[error("a character that is not legal in an address: write it percent-encoded")]
    Character,
}

impl Redirect {
    /// The value of `location`, for this request. `None` where it asks for no host, and one is needed.
    pub fn location(&self, request: &RequestHead) -> Option<HeaderValue> {
        if request.host.is_empty() && self.template.places().any(|place| place == Place::Host) {
            return None;
        }
        let location = self.template.filled(|place, text| match place {
            Place::Host => text.push_str(&request.host),
            Place::Path => text.push_str(request.path()),
            Place::Query => text.push_str(request.query().unwrap_or_default()),
            Place::Target => text.push_str(request.target.as_str()),
        });
        HeaderValue::try_from(location).ok()
    }
}

impl FromStr for Redirect {
    type Err = RedirectError;

    fn from_str(text: &str) -> Result<Self, RedirectError> {
        let template = Template::parse(
            text,
            &[
                ("host", Place::Host),
                ("path", Place::Path),
                ("query", Place::Query),
                ("target", Place::Target),
            ],
        )?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RedirectError::Character);
        }
        // What a client asked for may begin a path, and never say where that is: `/${path}` would be
        // `//evil.example` for whoever asks for that.
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_address = match authority {
            Some(authority) => {
                let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'[';
                let path = ["/", "${path}", "${target}"].map(|path| authority.find(path));
                let end = path.into_iter().flatten().min().unwrap_or(authority.len());
                let named =
                    authority.starts_with("${host}") || authority.as_bytes().first().is_some_and(begins);
                named && !authority.get(..end).is_some_and(|authority| authority.contains("${query}"))
            }
            None => {
                text == "/" || text.strip_prefix('/').is_some_and(|path| !path.starts_with(['/', '\\', '$']))
            }
        };
        if is_address { Ok(Self { text: text.to_owned(), template }) } else { Err(RedirectError::Address) }
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;
    use http::{HeaderMap, Method};

    use super::*;

    fn sent(redirect: &str, host: &str, target: &str) -> Option<String> {
        let target: PathAndQuery = target.parse().unwrap();
        let head = RequestHead::new(Method::GET, host.into(), target, HeaderMap::new());
        let location = redirect.parse::<Redirect>().unwrap().location(&head)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_was_asked_for_is_filled_in() {
        for (redirect, location) in [
            ("https://${host}${target}", "https://shop.example/a/b?c=d"),
            ("https://www.${host}/x${path}", "https://www.shop.example/x/a/b"),
            ("/new${path}?${query}", "/new/a/b?c=d"),
            ("/", "/"),
            ("https://other.example/", "https://other.example/"),
        ] {
            assert_eq!(sent(redirect, "shop.example", "/a/b?c=d").as_deref(), Some(location));
        }
        assert_eq!(sent("https://${host}/", "", "/"), None);
    }

    #[test]
    fn nobody_but_the_operator_says_where_a_client_is_sent() {
        for text in [
            "/${path}",
            "//x",
            "/\\x",
            "${path}",
            "https://${path}",
            "ftp://x",
            "",
            "https://",
            "x",
            "https://a${query}/",
        ] {
            assert_eq!(text.parse::<Redirect>(), Err(RedirectError::Address), "{text}");
        }
        assert_eq!("/a b".parse::<Redirect>(), Err(RedirectError::Character));
        assert!(matches!("/${hots}".parse::<Redirect>(), Err(RedirectError::Template(_))));
    }
}
