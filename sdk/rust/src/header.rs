use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// The name of a header: a token (RFC 9110 section 5.6.2) in lower case.
///
/// Where it is known while writing, [`header!`](crate::header!) checks it while compiling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderName(Cow<'static, str>);

impl HeaderName {
    /// A name that came at run time, in any case.
    ///
    /// # Errors
    ///
    /// Where it is empty or has a character that no header name may have.
    pub fn new(name: impl Into<String>) -> Result<Self, IllegalHeaderName> {
        let mut name = name.into();
        name.make_ascii_lowercase();
        if is_token(name.as_bytes()) { Ok(Self(Cow::Owned(name))) } else { Err(IllegalHeaderName) }
    }

    /// A constant name, in lower case. [`header!`](crate::header!) is the shorter way.
    ///
    /// # Panics
    ///
    /// Where it is no such name; in a constant that is an error of the compiler's.
    #[must_use]
    #[expect(clippy::panic, reason = "meant for constants, where this is a compile-time error")]
    pub const fn from_static(name: &'static str) -> Self {
        if !is_token(name.as_bytes()) {
            panic!("not a header name: write letters, digits and hyphens, in lower case");
        }
        Self(Cow::Borrowed(name))
    }

    /// A name that the proxy has checked.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn checked(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }

    /// Whether the proxy keeps this header to itself: filters may read it, but not edit it.
    ///
    /// For settings that name a header to edit: better refused when they are read than at every request.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.as_str())
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The [`HeaderName`] of this literal, checked while compiling: `header!("x-bucket")`.
///
/// ```compile_fail
/// edgeloom_sdk::header!("X Bucket");
/// ```
#[macro_export]
macro_rules! header {
    ($name:literal) => {{
        const NAME: &$crate::HeaderName = &$crate::HeaderName::from_static($name);
        NAME
    }};
}

#[expect(
    clippy::indexing_slicing,
    reason = "constant evaluation knows no iterators; the index is below the length"
)]
const fn is_token(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        if !matches!(
            name[index],
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
                | b'*' | b'+' | b'^' | b'`' | b'|' | b'~'
        ) {
            return false;
        }
        index += 1;
    }
    !name.is_empty()
}

/// Headers that frame the message or that the proxy itself vouches for.
pub(crate) const RESERVED: [&str; 16] = [
    "connection",
    "content-length",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

impl Deref for HeaderName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for HeaderName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for HeaderName {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for HeaderName {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A text that is no header's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllegalHeaderName;

impl fmt::Display for IllegalHeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a header name: write letters, digits and hyphens")
    }
}

impl std::error::Error for IllegalHeaderName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_tokens() {
        assert_eq!(HeaderName::new("X-Bucket").unwrap(), "x-bucket");
        assert_eq!(header!("x-bucket").as_str(), "x-bucket");
        for illegal in ["", "x bucket", "x:y", "é", "a\n"] {
            assert_eq!(HeaderName::new(illegal), Err(IllegalHeaderName), "{illegal:?}");
        }
    }
}
