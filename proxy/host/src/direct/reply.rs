//! A value on its way into a guest: a record, and the texts that it points at.
//!
//! What is told is borrowed from the state that the guest's memory is borrowed with, and making room
//! may call the guest: so a reply is first written down here, and then delivered.

use wasmtime::Caller;

use super::memory::{Lie, View, give, parts, write};
use crate::exchange::CallState;

/// Kept by the store and used again: replies need no memory of their own.
#[derive(Default)]
pub(crate) struct Reply {
    record: Vec<u8>,
    /// The records of a list that the record points at.
    lines: Vec<u8>,
    texts: Vec<Text>,
    bytes: Vec<u8>,
}

/// Where in a record the address and the length of a text belong, and where the text ends in `bytes`.
struct Text {
    offset: usize,
    in_lines: bool,
    end: usize,
}

/// A `header`: two texts, each an address and a length.
pub(super) const LINE: i32 = 16;

impl Reply {
    /// Begins a record of so many bytes, all zero.
    pub(super) fn record(&mut self, bytes: usize) {
        self.record.clear();
        self.record.resize(bytes, 0);
        self.lines.clear();
        self.texts.clear();
        self.bytes.clear();
    }

    pub(super) fn put(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.record, offset, bytes);
    }

    /// A `string` or `list<u8>` at this offset of the record.
    pub(super) fn text(&mut self, offset: usize, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.texts.push(Text { offset, in_lines: false, end: self.bytes.len() });
    }

    /// An option of one, its case at this offset.
    pub(super) fn optional(&mut self, offset: usize, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.put(offset, &[1]);
            self.text(offset + 4, text);
        }
    }

    /// One more `header` of the list that the record points at.
    pub(super) fn line(&mut self, name: &[u8], value: &[u8]) {
        for text in [name, value] {
            self.bytes.extend_from_slice(text);
            self.texts.push(Text { offset: self.lines.len(), in_lines: true, end: self.bytes.len() });
            self.lines.extend_from_slice(&[0; 8]);
        }
    }

    /// Writes it into the guest's memory: the record at `to`.
    fn deliver(&mut self, guest: &mut Caller<'_, CallState>, to: i32) -> wasmtime::Result<()> {
        let mut start = 0;
        for position in 0..self.texts.len() {
            let Some(text) = self.texts.get(position) else { break };
            let bytes = self.bytes.get(start..text.end).unwrap_or_default();
            start = text.end;
            let at = give(&mut *guest, bytes, 1)?;
            let record = if text.in_lines { &mut self.lines } else { &mut self.record };
            place(record, text.offset, at);
        }
        if !self.lines.is_empty() {
            let (at, length) = give(&mut *guest, &self.lines, 4)?;
            place(&mut self.record, 0, (at, length / LINE));
        }
        write(guest, to, &self.record)
    }
}

/// Answers a host call: what `tell` writes down is delivered to `to`.
pub(super) fn answer(
    mut guest: Caller<'_, CallState>,
    to: i32,
    tell: impl FnOnce(&CallState, View<'_>, &mut Reply) -> Result<(), Lie>,
) -> wasmtime::Result<()> {
    let mut reply = std::mem::take(&mut guest.data_mut().reply);
    let (memory, state) = parts(&mut guest)?;
    tell(state, memory, &mut reply)?;
    let delivered = reply.deliver(&mut guest, to);
    guest.data_mut().reply = reply;
    delivered
}

fn place(record: &mut [u8], offset: usize, (at, length): (i32, i32)) {
    put(record, offset, &at.to_le_bytes());
    put(record, offset + 4, &length.to_le_bytes());
}

fn put(into: &mut [u8], offset: usize, bytes: &[u8]) {
    for (slot, byte) in into.iter_mut().skip(offset).zip(bytes) {
        *slot = *byte;
    }
}
