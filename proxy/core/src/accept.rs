//! What a client would rather have: lists whose entries carry weights (RFC 9110 section 12.4).

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

#[cfg(test)]
mod tests;

/// How much something is wanted, in thousandths; 0 is not at all.
pub type Quality = u16;

/// The most that something can be wanted.
pub const WANTED: Quality = 1000;

/// How much each of these media types is wanted. Without `Accept`, all of them are; what no entry
/// speaks of is not (RFC 9110 section 12.5.1).
pub fn media<const N: usize>(headers: &HeaderMap, types: [&str; N]) -> [Quality; N] {
    wanted(headers, ACCEPT, types, |range, media| match range.split_once('/') {
        Some(("*", "*")) => Some(0),
        Some((kind, "*")) => {
            let (of, _) = media.split_once('/')?;
            kind.eq_ignore_ascii_case(of).then_some(1)
        }
        _ => range.eq_ignore_ascii_case(media).then_some(2),
    })
    .unwrap_or([WANTED; N])
}

/// How much each of these codings of the content is wanted. Without `Accept-Encoding`, none is: the header is how
/// a client says that it can undo them.
pub fn codings<const N: usize>(headers: &HeaderMap, codings: [&str; N]) -> [Quality; N] {
    wanted(headers, ACCEPT_ENCODING, codings, |range, coding| match range {
        "*" => Some(0),
        // RFC 9110 section 8.4.1.3: the older name of gzip.
        range if range.eq_ignore_ascii_case("x-gzip") => (coding == "gzip").then_some(1),
        range => range.eq_ignore_ascii_case(coding).then_some(1),
    })
    .unwrap_or([0; N])
}

/// The weight of the most specific entry for each; `fits` says how specific an entry is for one.
/// `None` without the header. An entry that is malformed is no entry.
fn wanted<const N: usize>(
    headers: &HeaderMap,
    name: HeaderName,
    offers: [&str; N],
    fits: impl Fn(&str, &str) -> Option<u8>,
) -> Option<[Quality; N]> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let mut found = [(None, 0); N];
    for entry in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| split(line, ',')) {
        let Some((range, quality)) = read(entry) else { continue };
        for (offer, (best, weight)) in offers.iter().zip(&mut found) {
            let specific = fits(range, offer);
            if specific.is_some() && specific > *best {
                (*best, *weight) = (specific, quality);
            }
        }
    }
    Some(found.map(|(_, weight)| weight))
}

/// The range of an entry, and its weight.
fn read(entry: &str) -> Option<(&str, Quality)> {
    let mut parts = split(entry, ';').map(|part| part.trim_matches([' ', '\t']));
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim_end().eq_ignore_ascii_case("q").then(|| value.trim_start())
    });
    Some((range, weight.map_or(Some(WANTED), quality)?))
}

/// `0`, `0.5`, `1.000`: at most three digits after the dot.
fn quality(text: &str) -> Option<Quality> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<Quality>().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(WANTED),
        _ => None,
    }
}

/// Splits at a character that is not in a quoted text.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |letter| {
        let is_escaped = std::mem::take(&mut escaped);
        match letter {
            '\\' if quoted => escaped = !is_escaped,
            '"' if !is_escaped => quoted = !quoted,
            _ => {}
        }
        letter == at && !quoted
    })
}
