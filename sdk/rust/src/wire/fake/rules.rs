//! What the proxy refuses. Stated again here so that a filter depends on nothing but this crate; a
//! test holds these rules against the proxy's own.

use crate::when::ValuePattern;
use crate::{HeaderName, Refusal};

pub(super) const EDITS_MAX: usize = 256;
pub(super) const FACTS_MAX: usize = 64;
const FACT_NAME_MAX: usize = 64;
const FACT_VALUE_MAX: usize = 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_LINES_MAX: usize = 200;
const TARGET_MAX: usize = 8 * 1024;

/// A header that a filter may edit.
pub(super) fn editable(name: &str) -> Result<HeaderName, Refusal> {
    let name = HeaderName::new(name).map_err(|_illegal| Refusal::Malformed)?;
    if name.is_reserved() { Err(Refusal::Reserved) } else { Ok(name) }
}

/// A header line that a filter may write.
pub(super) fn header(name: &str, value: &[u8]) -> Result<HeaderName, Refusal> {
    let name = editable(name)?;
    if value.len() > HEAD_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    // RFC 9110 section 5.5: visible characters, blanks, and what is not ASCII.
    let legal = value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if legal { Ok(name) } else { Err(Refusal::Malformed) }
}

/// A pattern that names can be like: legal in a name, but for its `*`.
pub(super) fn name_pattern(pattern: &str) -> Result<ValuePattern, Refusal> {
    let legal = |piece: &str| piece.is_empty() || HeaderName::new(piece).is_ok();
    if pattern.is_empty() || !pattern.split('*').all(legal) {
        return Err(Refusal::Malformed);
    }
    let pattern = pattern.to_ascii_lowercase();
    Ok(match pattern.split('*').map(Box::from).collect::<Box<[Box<str>]>>() {
        pieces if pieces.len() == 1 => ValuePattern::Exact(pattern.into()),
        pieces => ValuePattern::Like(pieces),
    })
}

/// A head may always shrink; it may grow up to the limits.
pub(super) fn growth(
    before: &[(HeaderName, Vec<u8>)],
    after: &[(HeaderName, Vec<u8>)],
) -> Result<(), Refusal> {
    let bytes = |lines: &[(HeaderName, Vec<u8>)]| -> usize {
        lines.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    let too_long = bytes(after) > HEAD_BYTES_MAX && bytes(after) > bytes(before);
    let too_many = after.len() > HEAD_LINES_MAX && after.len() > before.len();
    if too_long || too_many { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// A path and query that a filter may set.
pub(super) fn target(target: &str) -> Result<(), Refusal> {
    if target.len() > TARGET_MAX {
        return Err(Refusal::TooLarge);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let one_slash = path.starts_with('/') && !path.starts_with("//");
    let visible =
        |text: &str, but: &[u8]| text.bytes().all(|byte| byte.is_ascii_graphic() && !but.contains(&byte));
    let legal = one_slash && visible(path, b"#<>`") && visible(query, b"\"#<>") && !has_dot_segment(path);
    if legal { Ok(()) } else { Err(Refusal::Malformed) }
}

/// Whether some origin would see a `.` or `..` there.
fn has_dot_segment(path: &str) -> bool {
    path.split(['/', '\\']).filter_map(|segment| segment.split(';').next()).any(|segment| {
        let decoded =
            segment.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
        decoded.split('/').any(|segment| matches!(segment, "." | ".."))
    })
}

/// A status that a filter may replace another by.
pub(super) fn status(before: u16, after: u16) -> Result<(), Refusal> {
    let bodiless = |status| matches!(status, 204 | 304);
    let legal = (200..600).contains(&after) && bodiless(before) == bodiless(after);
    if legal { Ok(()) } else { Err(Refusal::Malformed) }
}

/// A fact that a filter may leave.
pub(super) fn fact(name: &str, value: &str) -> Result<(), Refusal> {
    if name.len() > FACT_NAME_MAX || value.len() > FACT_VALUE_MAX {
        return Err(Refusal::TooLarge);
    }
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(legal) || value.chars().any(char::is_control) {
        return Err(Refusal::Malformed);
    }
    Ok(())
}
