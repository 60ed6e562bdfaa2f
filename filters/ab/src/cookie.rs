//! The cookie that keeps visitors in their variants.

use std::time::Duration;

use edgeloom_sdk::Settings;
use edgeloom_sdk::when::Source;

/// A cookie, ready to be set.
#[derive(Debug, Settings)]
#[settings(from = Written)]
pub(crate) struct Cookie {
    /// Where a request has it.
    pub(crate) source: Source,
    /// `name=`
    head: Box<str>,
    /// Every attribute but `Secure`.
    tail: Box<str>,
    secure: Secure,
}

impl Cookie {
    /// The value of a `set-cookie` header (RFC 6265 section 4.1).
    pub(crate) fn set(&self, value: &str, encrypted: impl FnOnce() -> bool) -> String {
        let secure = match self.secure {
            Secure::Auto => encrypted(),
            Secure::Always => true,
            Secure::Never => false,
        };
        [&*self.head, value, &*self.tail, if secure { "; Secure" } else { "" }].concat()
    }
}

/// A cookie, as the operator writes it.
#[derive(Settings)]
struct Written {
    #[settings(default = "ab".into())]
    name: String,
    #[settings(default = Duration::from_hours(24 * 90))]
    max_age: Duration,
    #[settings(default = "/".into())]
    path: String,
    domain: Option<String>,
    #[settings(default)]
    secure: Secure,
    #[settings(default)]
    same_site: SameSite,
    #[settings(default = true)]
    http_only: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Settings)]
enum Secure {
    /// Where the client's own connection is encrypted.
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Settings)]
enum SameSite {
    Strict,
    #[default]
    Lax,
    None,
}

impl TryFrom<Written> for Cookie {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { name, max_age, path, domain, secure, same_site, http_only } = written;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(token) {
            return Err("the name of a cookie is of letters, digits, - _ and .");
        }
        let attribute = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
        if !path.starts_with('/') || !attribute(&path) || !domain.as_deref().is_none_or(attribute) {
            return Err("`path` begins with /, and neither it nor `domain` has spaces or semicolons");
        }
        if same_site == SameSite::None && secure != Secure::Always {
            return Err("browsers take `same_site: none` only with `secure: always`");
        }
        let mut tail = ["; Max-Age=", &max_age.as_secs().to_string(), "; Path=", &path].concat();
        if let Some(domain) = &domain {
            tail.extend(["; Domain=", domain]);
        }
        tail.push_str(match same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        if http_only {
            tail.push_str("; HttpOnly");
        }
        Ok(Self {
            head: [&name, "="].concat().into(),
            source: Source::Cookie(name.into()),
            tail: tail.into(),
            secure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, encrypted: bool, line: &str) {
        assert_eq!(Cookie::from_yaml(written).unwrap().set("x.y", || encrypted), line, "{written}");
    }

    #[test]
    fn the_line_has_what_was_asked_for() {
        check("{}", false, "ab=x.y; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly");
        check("{}", true, "ab=x.y; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly; Secure");
        check(
            "{ name: exp, max_age: 1h, path: /shop, domain: shop.example, same_site: none, secure: always, http_only: false }",
            false,
            "exp=x.y; Max-Age=3600; Path=/shop; Domain=shop.example; SameSite=None; Secure",
        );
        check(
            "{ secure: never, same_site: strict }",
            true,
            "ab=x.y; Max-Age=7776000; Path=/; SameSite=Strict; HttpOnly",
        );
    }

    #[test]
    fn what_browsers_would_refuse_is_refused() {
        for wrong in
            ["{ name: 'a b' }", "{ name: '' }", "{ path: shop }", "{ domain: 'a;b' }", "{ same_site: none }"]
        {
            assert!(Cookie::from_yaml(wrong).is_err(), "{wrong}");
        }
    }
}
