//! The header lines of a head, and the edits to them.

use std::borrow::Cow;

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::journal::{Before, Journal, Mark, Undo};
use super::names::{Named, is_reserved};
use super::{Edit, Refusal};
use crate::limits::{EDITS_MAX, HEAD_BYTES_MAX, HEAD_LINES_MAX};

/// Header lines, with their size.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    map: HeaderMap,
    /// Bytes of names and values; counted when the first edit asks.
    bytes: Option<usize>,
}

impl Headers {
    pub fn new(map: HeaderMap) -> Self {
        Self { map, bytes: None }
    }

    /// Of names and values whose bytes were counted before.
    pub fn counted(map: HeaderMap, bytes: usize) -> Self {
        Self { map, bytes: Some(bytes) }
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
    pub fn edit(&mut self, edit: &Edit<'_>, journal: &mut Journal) -> Result<(), Refusal> {
        // The journal keeps old values alive: without this, a guest that sets one long
        // header again and again until its deadline would fill the memory of the proxy.
        if journal.lines.len() >= EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        match *edit {
            Edit::Set(name, value) => self.set(journal.names.editable(name)?, header_value(value)?, journal),
            Edit::Add(name, value) => self.add(journal.names.editable(name)?, header_value(value)?, journal),
            Edit::Remove(name) => {
                let name = journal.names.editable(name)?;
                if let Some(undo) = journal.names.get(&name).and_then(|name| self.remove(name)) {
                    journal.lines.push(undo);
                }
                Ok(())
            }
            Edit::RemoveLike(pattern) => self.remove_like(pattern, journal),
        }
    }

    fn add(&mut self, name: Named, value: HeaderValue, journal: &mut Journal) -> Result<(), Refusal> {
        let bytes = self.bytes();
        let key = journal.names.get(&name).ok_or(Refusal::Malformed)?;
        self.bytes = Some(next(bytes, line(key, &value), 0, self.map.len())?);
        let before = if self.map.append(key, value) { Before::AllButLast } else { Before::None };
        journal.lines.push(Undo { name, before });
        Ok(())
    }

    fn set(&mut self, name: Named, value: HeaderValue, journal: &mut Journal) -> Result<(), Refusal> {
        let bytes = self.bytes();
        let lines = self.map.len();
        let key = journal.names.get(&name).ok_or(Refusal::Malformed)?;
        let added = line(key, &value);
        let before = match self.map.entry(key) {
            Entry::Occupied(mut entry) => {
                let removed = entry.iter().map(|old| line(key, old)).sum();
                self.bytes = Some(next(bytes, added, removed, lines)?);
                // Not by `insert_mult`, which panics where there were three values (http 1.5.0).
                if entry.iter().nth(1).is_none() {
                    Before::One(entry.insert(value))
                } else {
                    let before = Before::of(entry.iter().cloned());
                    entry.insert(value);
                    before
                }
            }
            Entry::Vacant(entry) => {
                self.bytes = Some(next(bytes, added, 0, lines)?);
                entry.insert(value);
                Before::None
            }
        };
        journal.lines.push(Undo { name, before });
        Ok(())
    }

    fn remove(&mut self, name: &HeaderName) -> Option<Undo> {
        let Entry::Occupied(entry) = self.map.entry(name) else { return None };
        if let Some(bytes) = &mut self.bytes {
            let removed: usize = entry.iter().map(|old| line(name, old)).sum();
            *bytes = bytes.saturating_sub(removed);
        }
        Some(if entry.iter().nth(1).is_none() {
            let (name, value) = entry.remove_entry();
            Undo { name: name.into(), before: Before::One(value) }
        } else {
            let (name, values) = entry.remove_entry_mult();
            Undo { name: name.into(), before: Before::of(values) }
        })
    }

    fn remove_like(&mut self, pattern: &str, journal: &mut Journal) -> Result<(), Refusal> {
        let lower = if pattern.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(pattern.to_ascii_lowercase())
        } else {
            Cow::Borrowed(pattern)
        };
        let pattern = journal.names.pattern(&lower)?;
        let is_meant = |name: &&HeaderName| pattern.matches(name.as_str()) && !is_reserved(name.as_str());
        let meant: Vec<HeaderName> = self.map.keys().filter(is_meant).cloned().collect();
        if journal.lines.len() + meant.len() > EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        journal.lines.extend(meant.iter().filter_map(|name| self.remove(name)));
        Ok(())
    }

    fn bytes(&mut self) -> usize {
        let map = &self.map;
        *self.bytes.get_or_insert_with(|| map.iter().map(|(name, value)| line(name, value)).sum())
    }

    /// Takes back what was changed since this mark.
    pub(super) fn unwind(&mut self, journal: &mut Journal, mark: Mark) {
        while journal.lines.len() > mark.lines {
            let Some(Undo { name, before }) = journal.lines.pop() else { return };
            let Some(name) = journal.names.get(&name) else { return };
            let now = match self.map.entry(name) {
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
                self.map.append(name, value);
            }
            self.bytes = None;
        }
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self::new(map)
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

fn header_value(value: &[u8]) -> Result<HeaderValue, Refusal> {
    if value.len() > HEAD_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    HeaderValue::from_bytes(value).map_err(|_illegal| Refusal::Malformed)
}
