//! The header lines of a head, the edits to them, and the way back.

use std::borrow::Cow;

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::names::{Names, is_reserved};
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

    /// Makes one edit. `names` are those that the filter has used before.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; nothing is changed then.
    pub fn edit(&mut self, edit: &Edit<'_>, names: &mut Names) -> Result<(), Refusal> {
        // The journal keeps old values alive: without this, a guest that sets one long
        // header again and again until its deadline would fill the memory of the proxy.
        if self.journal.len() >= EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        match *edit {
            Edit::Set(name, value) => self.set(names.editable(name)?, header_value(value)?),
            Edit::Add(name, value) => self.add(names.editable(name)?, header_value(value)?),
            Edit::Remove(name) => {
                let name = names.editable(name)?;
                self.remove(&name)
            }
            Edit::RemoveLike(pattern) => self.remove_like(pattern, names),
        }
    }

    pub(crate) fn commit(&mut self) {
        self.journal.clear();
    }

    pub(crate) fn rollback(&mut self) {
        self.unwind(0);
    }

    /// For [`unwind`](Self::unwind): where the journal is now.
    pub(super) fn mark(&self) -> usize {
        self.journal.len()
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), Refusal> {
        let bytes = self.bytes();
        self.bytes = Some(next(bytes, line(&name, &value), 0, self.map.len())?);
        let before = if self.map.append(name.clone(), value) { Before::AllButLast } else { Before::None };
        self.keep(Undo { name, before });
        Ok(())
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
        self.keep(undo);
        Ok(())
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), Refusal> {
        let bytes = self.bytes();
        if let Entry::Occupied(entry) = self.map.entry(name) {
            let removed = entry.iter().map(|old| line(entry.key(), old)).sum();
            self.bytes = Some(bytes.saturating_sub(removed));
            let undo = if entry.iter().nth(1).is_none() {
                let (name, value) = entry.remove_entry();
                Undo { name, before: Before::One(value) }
            } else {
                let (name, values) = entry.remove_entry_mult();
                Undo { name, before: Before::of(values) }
            };
            self.keep(undo);
        }
        Ok(())
    }

    fn remove_like(&mut self, pattern: &str, names: &mut Names) -> Result<(), Refusal> {
        let lower = if pattern.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(pattern.to_ascii_lowercase())
        } else {
            Cow::Borrowed(pattern)
        };
        let pattern = names.pattern(&lower)?;
        let is_meant = |name: &&HeaderName| pattern.matches(name.as_str()) && !is_reserved(name.as_str());
        let meant: Vec<HeaderName> = self.map.keys().filter(is_meant).cloned().collect();
        if self.journal.len() + meant.len() > EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        meant.iter().try_for_each(|name| self.remove(name))
    }

    fn keep(&mut self, undo: Undo) {
        if self.journal.capacity() == 0 {
            self.journal.reserve(USUAL);
        }
        self.journal.push(undo);
    }

    fn bytes(&mut self) -> usize {
        let map = &self.map;
        *self.bytes.get_or_insert_with(|| map.iter().map(|(name, value)| line(name, value)).sum())
    }

    pub(super) fn unwind(&mut self, mark: usize) {
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

/// Most calls make fewer edits of one head.
const USUAL: usize = 8;

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
