//! Telling caches that a response was made for one visitor.

use edgeloom_sdk::{Edits, Response, Settings, header};

/// What is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Settings)]
pub(crate) enum Caching {
    /// Nothing beside what the origin tells.
    #[default]
    Unchanged,
    /// `cache-control: private`: browsers may keep it, shared caches not.
    Private,
    /// `vary: cookie`: caches keep one for each cookie.
    Vary,
}

impl Caching {
    /// Adds what is to be told.
    pub(crate) fn tell(self, response: &Response, edits: &mut Edits<'_>) {
        match self {
            Self::Unchanged => {}
            Self::Private => {
                let control = response.header_str("cache-control").unwrap_or_default();
                if let Some(private) = private(&control) {
                    edits.set(header!("cache-control"), private);
                }
            }
            // A line of its own joins those there are (RFC 9110 section 5.3).
            Self::Vary => {
                edits.add(header!("vary"), "cookie");
            }
        }
    }
}

/// These directives (RFC 9111 section 5.2.2), without those that invite shared caches; `None` where
/// they are not invited anyway.
fn private(control: &str) -> Option<String> {
    let mut told = String::from("private");
    for directive in control.split(',').map(str::trim_ascii).filter(|directive| !directive.is_empty()) {
        let name = directive.split_once('=').map_or(directive, |(name, _)| name);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("no-store") || directive.eq_ignore_ascii_case("private") {
            return None;
        }
        if !is("public") && !is("private") && !is("s-maxage") {
            told.push_str(", ");
            told.push_str(directive);
        }
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_caches_are_not_invited() {
        for (control, told) in [
            ("", Some("private")),
            ("public, max-age=60", Some("private, max-age=60")),
            ("max-age=60,, S-MaxAge=600", Some("private, max-age=60")),
            ("private=\"set-cookie\", max-age=5", Some("private, max-age=5")),
            ("no-store", None),
            ("max-age=5, Private", None),
        ] {
            assert_eq!(private(control).as_deref(), told, "{control}");
        }
    }
}
