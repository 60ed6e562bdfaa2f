//! Cookies: found in what clients send, and made.

use std::time::Duration;

use crate::cluster::Cookie;

/// The value of the cookie of that name in the value of a `cookie` header; the first, where there are several, for user
/// agents send the most specific one first (RFC 6265 section 5.4). Quotes around a value are part of it.
pub fn find<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let found = halves.next()?.trim_ascii();
        let value = halves.next()?.trim_ascii();
        (found == name).then_some(value)
    })
}

impl Cookie {
    /// What this cookie says when it names an endpoint.
    pub fn value(identity: u64) -> String {
        format!("{identity:016x}")
    }

    /// Which endpoint a cookie names.
    pub fn identity(value: &[u8]) -> Option<u64> {
        let digits = value.len() == 16 && value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits { u64::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok() } else { None }
    }

    /// The value of a `set-cookie` header that names an endpoint.
    pub fn set(&self, identity: u64, secure: bool) -> String {
        let age =
            self.max_age.map(|age: Duration| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
        let secure = if secure { "; Secure" } else { "" };
        let value = Self::value(identity);
        format!("{}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_names() {
        let header = b"a=1; basket=x=y; bask=2;b = 3 ;novalue; basket=later";
        assert_eq!(find(header, b"basket"), Some(&b"x=y"[..]));
        assert_eq!(find(header, b"bask"), Some(&b"2"[..]));
        assert_eq!(find(header, b"b"), Some(&b"3"[..]));
        assert_eq!(find(header, b"novalue"), None);
        assert_eq!(find(header, b"asket"), None);
        assert_eq!(find(b"", b"a"), None);
    }

    #[test]
    fn a_cookie_has_its_attributes() {
        let mut cookie = Cookie { name: "edge".into(), max_age: None };
        assert_eq!(cookie.set(255, false), "edge=00000000000000ff; Path=/; HttpOnly; SameSite=Lax");
        cookie.max_age = Some(Duration::from_secs(3600));
        assert_eq!(
            cookie.set(1, true),
            "edge=0000000000000001; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn what_was_not_made_here_names_nobody() {
        for value in
            ["", "1", "00000000000000FF", "+0000000000000ff", "\"0000000000000f\"", "0000000000000000f"]
        {
            assert_eq!(Cookie::identity(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_set_is_found(identity: u64, before in "[a-z]{1,4}=[a-z]{0,4}; ", after in "; [a-z]{1,4}=[a-z]{0,4}") {
            let header = format!("{before}edge={}{after}", Cookie::value(identity));
            let found = find(header.as_bytes(), b"edge").and_then(Cookie::identity);
            prop_assert!(before.starts_with("edge=") || found == Some(identity));
        }

        #[test]
        fn nothing_that_a_client_sends_is_too_much(header: Vec<u8>, name: Vec<u8>) {
            let found = find(&header, &name);
            prop_assert!(found.is_none_or(|value| value.len() <= header.len()));
        }
    }
}
