//! The header lines of a head, the edits to them, and the way back.

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Edit, Refusal};
use crate::limits::{EDITS_MAX, HEAD_BYTES_MAX, HEAD_LINES_MAX};

/// Header lines, with their size, and how to take the last call's edits back.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    map: HeaderMap,
    /// Bytes of names and values; counted when the first edit asks.
    bytes: Option<usize>,
    journal: Vec<Undo>,
}

/// How one header was before an edit.
#[derive(Debug, Clone)]
struct Undo {
    name: HeaderName,
    before: Before,
}

/// The values that a header had. Most have one: that needs no memory of its own.
#[derive(Debug, Clone)]
enum Before {
    None,
    One(HeaderValue),
    Many(Vec<HeaderValue>),
    /// Those it has now, but for the last.
    AllButLast,
}

impl Before {
    fn of(mut values: impl Iterator<Item = HeaderValue>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(one), None) => Self::One(one),
            (Some(first), Some(second)) => Self::Many([first, second].into_iter().chain(values).collect()),
        }
    }
}

/// An edit whose name and value are known to be legal.
enum Checked<'a> {
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
    RemoveLike(&'a str),
}

impl Headers {
    pub fn new(map: HeaderMap) -> Self {
        Self { map, bytes: None, journal: Vec::new() }
    }

    pub fn map(&self) -> &HeaderMap {
        &self.map
    }

    pub fn into_map(self) -> HeaderMap {
        self.map
    }

    /// For the proxy's own edits, which need no check and can not be taken back.
    pub fn map_mut(&mut self) -> &mut HeaderMap {
        self.bytes = None;
        &mut self.map
    }

    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.map.get(name)
    }

    /// Makes one edit.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; nothing is changed then.
    pub fn edit(&mut self, edit: &Edit<'_>) -> Result<(), Refusal> {
        let edit = check(edit)?;
        self.make(edit)
    }

    /// Makes all of these edits in order or, where one is refused, none.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub fn apply<'a>(&mut self, edits: impl IntoIterator<Item = Edit<'a>>) -> Result<(), Refusal> {
        let mark = self.journal.len();
        for (position, edit) in edits.into_iter().enumerate() {
            let made = if position == EDITS_MAX { Err(Refusal::TooLarge) } else { self.edit(&edit) };
            if let Err(refusal) = made {
                self.unwind(mark);
                return Err(refusal);
            }
        }
        Ok(())
    }

    pub(crate) fn commit(&mut self) {
        self.journal.clear();
    }

    pub(crate) fn rollback(&mut self) {
        self.unwind(0);
    }

    fn make(&mut self, edit: Checked<'_>) -> Result<(), Refusal> {
        // The journal keeps old values alive: without this, a guest that sets one long
        // header again and again until its deadline would fill the memory of the proxy.
        if self.journal.len() >= EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        match edit {
            Checked::Set(name, value) => self.set(name, value),
            Checked::Add(name, value) => {
                self.reserve(line(&name, &value))?;
                let before =
                    if self.map.append(name.clone(), value) { Before::AllButLast } else { Before::None };
                self.journal.push(Undo { name, before });
                Ok(())
            }
            Checked::Remove(name) => self.remove(name),
            Checked::RemoveLike(pattern) => {
                let is_meant =
                    |name: &&HeaderName| is_like(name.as_str(), pattern) && !is_reserved(name.as_str());
                let meant: Vec<HeaderName> = self.map.keys().filter(is_meant).cloned().collect();
                if self.journal.len() + meant.len() > EDITS_MAX {
                    return Err(Refusal::TooLarge);
                }
                meant.into_iter().try_for_each(|name| self.remove(name))
            }
        }
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), Refusal> {
        let bytes = self.bytes();
        let lines = self.map.len();
        let added = line(&name, &value);
        let undo = match self.map.entry(name) {
            Entry::Occupied(mut entry) => {
                let removed = entry.iter().map(|old| line(entry.key(), old)).sum();
                self.bytes = Some(next(bytes, added, removed, lines)?);
                let name = entry.key().clone();
                // Not by `insert_mult`, which panics where there were three values (http 1.5.0).
                let before = if entry.iter().nth(1).is_none() {
                    Before::One(entry.insert(value))
                } else {
                    let before = Before::of(entry.iter().cloned());
                    entry.insert(value);
                    before
                };
                Undo { name, before }
            }
            Entry::Vacant(entry) => {
                self.bytes = Some(next(bytes, added, 0, lines)?);
                let name = entry.key().clone();
                entry.insert(value);
                Undo { name, before: Before::None }
            }
        };
        self.journal.push(undo);
        Ok(())
    }

    fn remove(&mut self, name: HeaderName) -> Result<(), Refusal> {
        let bytes = self.bytes();
        if let Entry::Occupied(entry) = self.map.entry(name) {
            let removed = entry.iter().map(|old| line(entry.key(), old)).sum();
            self.bytes = Some(bytes.saturating_sub(removed));
            let (name, values) = entry.remove_entry_mult();
            self.journal.push(Undo { name, before: Before::of(values) });
        }
        Ok(())
    }

    /// Counts `added` bytes in.
    fn reserve(&mut self, added: usize) -> Result<(), Refusal> {
        let bytes = self.bytes();
        self.bytes = Some(next(bytes, added, 0, self.map.len())?);
        Ok(())
    }

    fn bytes(&mut self) -> usize {
        let map = &self.map;
        *self.bytes.get_or_insert_with(|| map.iter().map(|(name, value)| line(name, value)).sum())
    }

    fn unwind(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some(Undo { name, before }) = self.journal.pop() else {
                return;
            };
            let now = match self.map.entry(name.clone()) {
                Entry::Occupied(entry) => entry.remove_entry_mult().1.collect(),
                Entry::Vacant(_) => Vec::new(),
            };
            let values = match before {
                Before::None => Vec::new(),
                Before::One(value) => vec![value],
                Before::Many(values) => values,
                Before::AllButLast => {
                    let mut values = now;
                    values.pop();
                    values
                }
            };
            for value in values {
                self.map.append(name.clone(), value);
            }
            self.bytes = None;
        }
    }
}

/// The bytes of a head of so many lines, after an edit; a head may always shrink.
fn next(bytes: usize, added: usize, removed: usize, lines: usize) -> Result<usize, Refusal> {
    let next = bytes.saturating_sub(removed) + added;
    let grows = added > removed;
    if grows && (next > HEAD_BYTES_MAX || (removed == 0 && lines >= HEAD_LINES_MAX)) {
        return Err(Refusal::TooLarge);
    }
    Ok(next)
}

fn line(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len()
}

fn check<'a>(edit: &Edit<'a>) -> Result<Checked<'a>, Refusal> {
    match *edit {
        Edit::Set(name, value) => Ok(Checked::Set(header_name(name)?, header_value(value)?)),
        Edit::Add(name, value) => Ok(Checked::Add(header_name(name)?, header_value(value)?)),
        Edit::Remove(name) => Ok(Checked::Remove(header_name(name)?)),
        Edit::RemoveLike(pattern) => name_pattern(pattern).map(Checked::RemoveLike),
    }
}

/// The name of a header that a filter may edit.
///
/// # Errors
///
/// `Malformed` where it is no token (RFC 9110 section 5.6.2), `Reserved` where it is the proxy's.
pub fn header_name(name: &str) -> Result<HeaderName, Refusal> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_illegal| Refusal::Malformed)?;
    if is_reserved(name.as_str()) { Err(Refusal::Reserved) } else { Ok(name) }
}

/// A pattern that a header's name can be like: legal in a name, but for its `*`.
fn name_pattern(pattern: &str) -> Result<&str, Refusal> {
    let mut pieces = pattern.split('*').filter(|piece| !piece.is_empty());
    match pieces.find(|piece| HeaderName::from_bytes(piece.as_bytes()).is_err()) {
        None if !pattern.is_empty() => Ok(pattern),
        Some(_) | None => Err(Refusal::Malformed),
    }
}

/// Each piece is taken where it is first found: with `*` as the only wildcard nothing is missed by it.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name.eq_ignore_ascii_case(pattern) };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some((begin, inner)) = name.split_at_checked(first.len()) else { return false };
    let Some((mut inner, end)) =
        inner.len().checked_sub(last.len()).and_then(|at| inner.split_at_checked(at))
    else {
        return false;
    };
    if !begin.eq_ignore_ascii_case(first) || !end.eq_ignore_ascii_case(last) {
        return false;
    }
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let mut windows = inner.as_bytes().windows(piece.len());
        let Some(at) = windows.position(|window| window.eq_ignore_ascii_case(piece.as_bytes())) else {
            return false;
        };
        inner = inner.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

fn header_value(value: &[u8]) -> Result<HeaderValue, Refusal> {
    if value.len() > HEAD_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    HeaderValue::from_bytes(value).map_err(|_illegal| Refusal::Malformed)
}

/// Headers that frame the message or that the proxy itself vouches for: a
/// filter that could write them could smuggle a request or forge a client.
pub const RESERVED: [&str; 15] = [
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
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether filters may not edit this header. The name is lower case.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
