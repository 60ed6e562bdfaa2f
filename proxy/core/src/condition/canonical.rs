//! One spelling for all the spellings of a path.
//!
//! A route often guards what is behind it, and the origin behind it may read a
//! path more generously than RFC 3986 does. So that `/%61dmin`, `//admin` or
//! `/x;/..%2Fadmin` do not slip past the route for `/admin`, a path is compared
//! as the most generous of the common origins would read it. Only for that: it
//! is forwarded as it came.
//!
//! | in the path | is compared as | because |
//! |---|---|---|
//! | `%61`, `%40` | `a`, `@`: whatever is visible ASCII, without `%`, `?`, `#`, `;`, `*` | RFC 3986 section 6.2.2.2, and every origin |
//! | `%c3`, a raw byte beyond ASCII | `%C3` | section 6.2.2.1; browsers encode what people type |
//! | a `%` that encodes nothing | `%25` | so that what is decoded is never decoded again |
//! | `%2F`, `\`, `%5C` | `/` | WSGI and CGI decode; URL parsers and IIS turn backslashes |
//! | `//` | `/` | nginx and others merge slashes |
//! | `;…` up to the next slash | nothing | servlet containers cut path parameters off |
//! | a `.` or `..` segment, after all this | matches no pattern, and no route is chosen | some origins resolve it and some do not; no browser sends it |

use std::borrow::Cow;

/// The spelling that paths are compared in: visible ASCII. `None` where there
/// is a dot segment, which leaves open what the path is.
///
/// Does not allocate where the path is spelled so already, as nearly all are.
pub(crate) fn path(path: &str) -> Option<Cow<'_, str>> {
    if is_plain(path.as_bytes()) {
        return Some(Cow::Borrowed(path));
    }
    let respelled = respell(path.as_bytes());
    let ambiguous = respelled.split('/').any(|segment| matches!(segment, "." | ".."));
    (!ambiguous).then_some(Cow::Owned(respelled))
}

/// Whether there is nothing to respell, by one cheap look at every byte. Wrong
/// only about the rare `/.well-known`, which is then respelled as it was.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    !path.starts_with(b".")
        && path.iter().all(|&byte| {
            let after_slash = std::mem::replace(&mut after_slash, byte == b'/');
            match byte {
                b'%' | b';' | b'\\' | b'*' => false,
                b'/' | b'.' => !after_slash,
                _ => byte.is_ascii_graphic(),
            }
        })
}

fn respell(path: &[u8]) -> String {
    let mut spelled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, encoded, after)) = split_first(rest) {
        rest = after;
        match byte {
            b'/' | b'\\' if spelled.ends_with('/') => {}
            b'/' | b'\\' => spelled.push('/'),
            b';' if !encoded => {
                let end = rest.iter().position(|byte| matches!(byte, b'/' | b'\\'));
                rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
            }
            b'%' | b'?' | b'#' | b';' | b'*' => encode(byte, &mut spelled),
            _ if byte.is_ascii_graphic() => spelled.push(byte.into()),
            _ => encode(byte, &mut spelled),
        }
    }
    spelled
}

fn encode(byte: u8, spelled: &mut String) {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase());
    spelled.push('%');
    spelled.extend([byte >> 4, byte & 0xF].into_iter().filter_map(digit));
}

/// The first byte of a percent-encoded text, whether it was encoded, and what follows it.
pub(super) fn split_first(text: &[u8]) -> Option<(u8, bool, &[u8])> {
    let (&first, after) = text.split_first()?;
    if first == b'%'
        && let Some((digits, after)) = after.split_first_chunk::<2>()
        && let Ok([byte]) = <[u8; 1] as hex::FromHex>::from_hex(digits)
    {
        return Some((byte, true, after));
    }
    Some((first, false, after))
}
