//! Cookies, and what clients say they would rather have: found where they are, made up nowhere.

#![no_main]

use edgeloom_core::accept::{codings, media};
use edgeloom_core::cluster::Cookie;
use edgeloom_core::cookie::find;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

// A name, a line feed, and the value of a header.
fuzz_target!(|bytes: &[u8]| {
    let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(name), Some(line)) = (halves.next(), halves.next()) else { return };
    cookies(name, line);
    let Ok(value) = HeaderValue::from_bytes(line) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("accept", value.clone());
    headers.insert("accept-encoding", value);
    media(&headers, ["text/html", "application/json"]);
    codings(&headers, ["zstd", "br", "gzip", "identity"]);
});

fn cookies(name: &[u8], line: &[u8]) {
    if let Some(value) = find(line, name) {
        let within = line.as_ptr_range();
        assert!(value.is_empty() || within.contains(&value.as_ptr()), "the value is not the client's");
        assert_eq!(value, value.trim_ascii());
        assert!(!value.contains(&b';'));
        if let Some(identity) = Cookie::identity(value) {
            assert_eq!(Cookie::value(identity).as_bytes(), value, "two cookies name one endpoint");
        }
    }
    let is_token = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric());
    if is_token {
        let before = [name, b"=here; ", line].concat();
        assert_eq!(find(&before, name), Some(&b"here"[..]));
    }
}
