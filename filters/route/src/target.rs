//! Where a request is sent on to: a path or a URL with parts of the request in it.

use std::borrow::Cow;

use edgeloom_sdk::Settings;
use edgeloom_sdk::when::{Look, PathPattern, Source};

/// A path or URL with placeholders, parsed once.
///
/// `{name}` and `{*}` are what the rule's path pattern captured, `{path}`, `{query}` and `{host}` are
/// the request's, and a name with a dot is a source: `{geo.country}`, `{cookie.lang}`.
#[derive(Debug, PartialEq, Settings)]
#[settings(from = String)]
pub(crate) struct Target {
    pieces: Vec<Piece>,
    /// Whether it has a query of its own; else the request's goes with it.
    has_query: bool,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(Box<str>),
    Capture(Box<str>),
    /// Of the request's own line: legal in a URL as it is.
    Raw(Source),
    /// Anything else is encoded.
    Encoded(Source),
}

impl Target {
    /// The path or URL for this request, whose path one of the patterns matches.
    pub(crate) fn fill<'r>(&'r self, patterns: &[PathPattern], look: &mut Look<'r>) -> String {
        let path = look.text(&Source::Path).map(Cow::into_owned).unwrap_or_default();
        let captured = patterns.iter().find_map(|pattern| Some((pattern.names(), pattern.captures(&path)?)));
        let (names, captures) = captured.unwrap_or_default();
        let mut url = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Capture(name) => {
                    let capture = names.iter().zip(&captures).find(|(known, _)| *known == name);
                    url.push_str(capture.map_or("", |(_, capture)| capture));
                }
                Piece::Raw(source) => url.push_str(&look.text(source).unwrap_or_default()),
                Piece::Encoded(source) => encode(&look.value(source).unwrap_or_default(), &mut url),
            }
        }
        match look.text(&Source::Query) {
            Some(query) if !self.has_query => url.extend(["?", &query]),
            _ => {}
        }
        if self.has_query && url.ends_with(['?', '&']) {
            url.pop();
        }
        if self.is_local() { one_slash("", &url) } else { url }
    }

    /// What it asks of the rule's path pattern.
    pub(crate) fn captures(&self) -> impl Iterator<Item = &str> {
        self.pieces
            .iter()
            .filter_map(|piece| if let Piece::Capture(name) = piece { Some(&**name) } else { None })
    }

    /// Whether it names its host.
    pub(crate) fn is_absolute(&self) -> bool {
        let first = if let Some(Piece::Text(text)) = self.pieces.first() { text } else { "" };
        first.starts_with("https://") || first.starts_with("http://")
    }

    /// Whether it is a path on the same host.
    pub(crate) fn is_local(&self) -> bool {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text.starts_with('/') && !text.starts_with("//"),
            Some(Piece::Raw(source)) => *source == Source::Path,
            Some(Piece::Capture(_) | Piece::Encoded(_)) | None => false,
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if !written.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err("a path or URL is percent-encoded, without spaces and without `#`".into());
        }
        let mut pieces = Vec::new();
        let mut left = &*written;
        while let Some((text, after)) = left.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("`{` and `}` go together, as in `{name}`")?;
            pieces.push(Piece::Text(text.into()));
            pieces.push(piece(name)?);
            left = after;
        }
        pieces.push(Piece::Text(left.into()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self { has_query: written.contains('?'), pieces })
    }
}

fn piece(name: &str) -> Result<Piece, String> {
    Ok(match name {
        "path" => Piece::Raw(Source::Path),
        "query" => Piece::Raw(Source::Query),
        "host" => Piece::Raw(Source::Host),
        name if name.contains('.') => Piece::Encoded(Source::try_from(name.to_owned())?),
        name => Piece::Capture(name.into()),
    })
}

/// Appends it so that it stays one part of a URL: all but what RFC 3986 calls unreserved is encoded.
pub(crate) fn encode(value: &[u8], url: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(*byte));
            }
            byte => url.extend(['%', digit(byte >> 4), digit(byte & 0xf)]),
        }
    }
}

/// Both, with one slash in front: browsers take `//evil.example` and `/\evil.example` for another host.
pub(crate) fn one_slash(front: &str, rest: &str) -> String {
    let front = without_slashes(front);
    let rest = if front.is_empty() { without_slashes(rest) } else { rest };
    ["/", front, rest].concat()
}

fn without_slashes(path: &str) -> &str {
    path.trim_start_matches(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use edgeloom_sdk::Request;

    use super::*;

    #[track_caller]
    fn check(target: &str, pattern: &str, request: &str, filled: &str) {
        let target = Target::from_yaml(&format!("'{target}'")).unwrap();
        let patterns = [pattern.parse().unwrap()];
        let request = Request::get(&["https://shop.example", request].concat())
            .with_fact("geo.country", "SE")
            .with_header("cookie", "lang=sv se/å");
        assert_eq!(target.fill(&patterns, &mut Look::at(&request)), filled);
    }

    #[test]
    fn captures_and_sources_are_filled_in() {
        check("/product/{id}", "/p/{id}", "/p/7", "/product/7");
        check("/{*}/of/{id}", "/p/{id}/*", "/p/7/a/b", "/a/b/of/7");
        check("https://{host}/se{path}", "/*", "/a%20b", "https://shop.example/se/a%20b");
        check("/{geo.country}/{cookie.lang}{path}", "/*", "/x", "/SE/sv%20se%2F%C3%A5/x");
        check("/{geo.city}x", "/*", "/x", "/x");
    }

    #[test]
    fn the_query_goes_along_unless_there_is_one() {
        check("/b", "/*", "/a?x=1", "/b?x=1");
        check("/b?y=2", "/*", "/a?x=1", "/b?y=2");
        check("/b?y=2&{query}", "/*", "/a?x=1", "/b?y=2&x=1");
        check("/b?y=2&{query}", "/*", "/a", "/b?y=2");
        check("/b?", "/*", "/a?x=1", "/b");
        check("{path}", "/*", "/a&", "/a&");
    }

    #[test]
    fn a_path_stays_on_its_host() {
        check("/{*}", "/old/*", "/old//evil.example/x", "/evil.example/x");
        check("/{*}", "/old/*", "/old/\\evil.example", "/evil.example");
        check("{path}", "/*", "//evil.example", "/evil.example");
        check("https://new.example/{*}", "/*", "//x", "https://new.example//x");
    }

    #[test]
    fn mistakes_are_told() {
        for (wrong, told) in [
            ("/a b", "a path or URL is percent-encoded"),
            ("/{id", "`{` and `}` go together"),
            ("/{geo.}", "nothing is called `geo.`"),
        ] {
            let error = Target::try_from(wrong.to_owned()).unwrap_err();
            assert!(error.starts_with(told), "{wrong}: {error}");
        }
    }
}
