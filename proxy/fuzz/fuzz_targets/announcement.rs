//! The PROXY protocol: an announcement that was read is the same whatever follows it, and what can become none is
//! refused for good.

#![no_main]

use edgeloom_core::wire::announcement::{LENGTH_MAX, Version, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for version in [Version::V1, Version::V2, Version::Any] {
        let mut settled = None;
        for end in 0..=bytes.len().min(LENGTH_MAX + 1) {
            let outcome = read(&bytes[..end], version);
            if let Ok(Some(announcement)) = outcome {
                assert!(announcement.length > 0 && announcement.length <= end.min(LENGTH_MAX));
                assert!(
                    announcement.whom.is_none_or(|(client, _)| client.ip() == client.ip().to_canonical())
                );
            }
            match (settled, outcome) {
                (None, Ok(None)) => {}
                (None, _) => settled = Some(outcome),
                (Some(Ok(before)), outcome) => assert_eq!(outcome, Ok(before), "more bytes changed it"),
                (Some(Err(_)), outcome) => assert!(outcome.is_err(), "more bytes mended it"),
            }
        }
        assert!(bytes.len() <= LENGTH_MAX || settled.is_some(), "it waits for ever");
    }
});
