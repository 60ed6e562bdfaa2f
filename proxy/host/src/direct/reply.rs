//! A value on its way into a guest: a record, and the texts that it points at.
//!
//! What is told is borrowed from the state that the guest's memory is borrowed with, and making room
//! may call the guest: so a reply is first written down here, and then delivered. One text of the request
//! or the response, which is what is asked for most, goes there at once where there is room.

use wasmtime::Caller;

use super::memory::{Lie, Room, View, give, parts, put_at, write};
use crate::exchange::{CallState, RequestSubject, ResponseSubject};

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
pub(super) const LINE: u8 = 16;

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

    /// Writes it into the guest's memory, the record at `to`, where there is room for its texts without
    /// asking the guest; otherwise says how many of them have found room.
    fn settle(&mut self, memory: &mut [u8], state: &mut CallState, to: i32) -> wasmtime::Result<Settled> {
        if !self.texts.is_empty() {
            let room = Room::of(memory, state.guest.as_ref(), &mut state.touched);
            let Some(mut room) = room else { return Ok(Settled::Texts(0)) };
            let mut start = 0;
            for (position, text) in self.texts.iter().enumerate() {
                let bytes = self.bytes.get(start..text.end).unwrap_or_default();
                start = text.end;
                let at = if bytes.is_empty() { Some(NOWHERE) } else { room.give(bytes) };
                let Some(at) = at else { return Ok(Settled::Texts(position)) };
                let record = if text.in_lines { &mut self.lines } else { &mut self.record };
                place(record, text.offset, at.cast_signed(), bytes.len());
            }
            if !self.lines.is_empty() {
                let Some(at) = room.give(&self.lines) else { return Ok(Settled::Texts(self.texts.len())) };
                place(&mut self.record, 0, at.cast_signed(), self.lines.len() / usize::from(LINE));
            }
        }
        put_at(memory, &mut state.touched, to, &self.record)?;
        Ok(Settled::All)
    }

    /// The same with the guest asked for room, from this text on.
    #[cold]
    fn ask(&mut self, guest: &mut Caller<'_, CallState>, to: i32, from: usize) -> wasmtime::Result<()> {
        let mut start = from.checked_sub(1).and_then(|last| self.texts.get(last)).map_or(0, |text| text.end);
        for text in self.texts.iter().skip(from) {
            let bytes = self.bytes.get(start..text.end).unwrap_or_default();
            start = text.end;
            let at = give(&mut *guest, bytes, 1)?.0;
            let record = if text.in_lines { &mut self.lines } else { &mut self.record };
            place(record, text.offset, at, bytes.len());
        }
        if !self.lines.is_empty() {
            let at = give(&mut *guest, &self.lines, 4)?.0;
            place(&mut self.record, 0, at, self.lines.len() / usize::from(LINE));
        }
        write(guest, to, &self.record)
    }
}

/// How far a reply has come.
enum Settled {
    All,
    Texts(usize),
}

/// The address of a text of no bytes.
const NOWHERE: u32 = 1;

/// Answers a host call: what `tell` writes down is delivered to `to`.
pub(super) fn answer(
    mut guest: Caller<'_, CallState>,
    to: i32,
    tell: impl FnOnce(&CallState, View<'_>, &mut Reply) -> Result<(), Lie>,
) -> wasmtime::Result<()> {
    let (memory, state) = parts(&mut guest)?;
    let mut reply = std::mem::take(&mut state.reply);
    tell(state, View::new(memory), &mut reply)?;
    if let Settled::Texts(count) = reply.settle(memory, state, to)? {
        reply.ask(&mut guest, to, count)?;
    }
    guest.data_mut().reply = reply;
    Ok(())
}

/// The record of a value that is one text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// `string`: address and length from 0.
    Text,
    /// `option<list<u8>>` or `option<string>`: the case at 0, address and length from 4.
    Optional,
}

/// Answers a host call with one text of the request or the response; there always is one where it is not optional.
pub(super) fn answer_text(
    mut guest: Caller<'_, CallState>,
    to: i32,
    form: Form,
    find: impl for<'s> FnOnce(&'s RequestSubject, &'s ResponseSubject, View<'_>) -> Result<Option<&'s [u8]>, Lie>,
) -> wasmtime::Result<()> {
    let (memory, state) = parts(&mut guest)?;
    let Some(text) = find(&state.request, &state.response, View::new(memory))? else {
        return Ok(put_at(memory, &mut state.touched, to, form.record(&[0; 12]))?);
    };
    let room = Room::of(memory, state.guest.as_ref(), &mut state.touched);
    let at = if text.is_empty() { Some(NOWHERE) } else { room.and_then(|mut room| room.give(text)) };
    let mut record = [0; 12];
    record[0] = 1;
    let length = text.len();
    match at {
        Some(at) => {
            place(&mut record, 4, at.cast_signed(), length);
            Ok(put_at(memory, &mut state.touched, to, form.record(&record))?)
        }
        None => {
            let text = text.to_vec();
            let at = give(&mut guest, &text, 1)?.0;
            place(&mut record, 4, at, length);
            write(&mut guest, to, form.record(&record))
        }
    }
}

impl Form {
    /// What is written of the record of an optional text.
    fn record(self, record: &[u8; 12]) -> &[u8] {
        let [_, _, _, _, text @ ..] = record;
        match self {
            Self::Text => text,
            Self::Optional => record,
        }
    }
}

fn place(record: &mut [u8], offset: usize, at: i32, length: usize) {
    put(record, offset, &at.to_le_bytes());
    put(record, offset + 4, &u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(into: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(slots) = into.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) {
        slots.copy_from_slice(bytes);
    }
}
