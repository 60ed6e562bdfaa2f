//! The parameters of a query, as HTML forms write them.

use std::borrow::Cow;

use super::canonical::split_first;

/// The values of a parameter, in order, without their percent-encoding.
///
/// A parameter without `=` has the empty value. A `%` that encodes nothing
/// stands for itself (as in the URL Standard, section 5.1).
pub(super) fn values<'q>(query: &'q str, name: &str) -> impl Iterator<Item = Cow<'q, [u8]>> {
    query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .filter(move |(found, _)| *decoded(found) == *name.as_bytes())
        .map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, encoded, after)) = split_first(rest) {
        bytes.push(if byte == b'+' && !encoded { b' ' } else { byte });
        rest = after;
    }
    Cow::Owned(bytes)
}
