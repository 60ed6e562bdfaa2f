//! What lies in a guest's memory. Every address comes from the guest: none is believed.

use wasmtime::{AsContextMut, Caller, Memory, Store, TypedFunc};

use super::heap;
use super::restore::Touched;
use crate::exchange::CallState;

/// Where a guest's values are, and how it makes room for ours.
pub(crate) struct Guest {
    memory: Memory,
    /// The address of its allocator's books, if it tells.
    heap: Option<u32>,
    /// `cabi_realloc(old, old size, alignment, new size)`.
    realloc: TypedFunc<(i32, i32, i32, i32), i32>,
}

impl Guest {
    pub(super) fn new(
        memory: Memory,
        heap: Option<u32>,
        realloc: TypedFunc<(i32, i32, i32, i32), i32>,
    ) -> Self {
        Self { memory, heap, realloc }
    }
}

/// Why a guest's value could not be read or written: it trapped, as a component would.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lie {
    #[error("an address outside its memory")]
    Outside,
    #[error("a text that is not UTF-8")]
    NotText,
    #[error("a value that its type does not have")]
    NoSuchCase,
    #[error("a host call while it starts or makes room")]
    NotNow,
}

/// The guest's memory, and the state beside it.
pub(super) fn parts<'c>(
    caller: &'c mut Caller<'_, CallState>,
) -> wasmtime::Result<(&'c mut [u8], &'c mut CallState)> {
    let memory = caller.data().guest.as_ref().ok_or(Lie::NotNow)?.memory;
    Ok(memory.data_and_store_mut(caller))
}

/// The guest's memory after a call; empty where there is no guest.
pub(super) fn of(store: &Store<CallState>) -> View<'_> {
    View(store.data().guest.as_ref().map_or(&[], |guest| guest.memory.data(store)))
}

/// Whether the guest tells where its allocator's books are.
pub(super) fn has_books(store: &Store<CallState>) -> bool {
    store.data().guest.as_ref().is_some_and(|guest| guest.heap.is_some())
}

/// Puts these bytes into the guest's memory: their address and length.
pub(super) fn give(
    mut store: impl AsContextMut<Data = CallState>,
    bytes: &[u8],
    alignment: i32,
) -> wasmtime::Result<(i32, i32)> {
    let length = i32::try_from(bytes.len())?;
    if bytes.is_empty() {
        return Ok((alignment, 0));
    }
    if let Some(at) = give_by_books(&mut store, bytes)? {
        return Ok((at.cast_signed(), length));
    }
    let at = room(&mut store, alignment, length)?;
    write(&mut store, at, bytes)?;
    Ok((at, length))
}

/// The same by the books of the guest's allocator: the address, if they have room.
fn give_by_books(
    mut store: impl AsContextMut<Data = CallState>,
    bytes: &[u8],
) -> wasmtime::Result<Option<u32>> {
    let mut context = store.as_context_mut();
    let memory = context.data().guest.as_ref().ok_or(Lie::NotNow)?.memory;
    let (memory, state) = memory.data_and_store_mut(&mut context);
    let room = Room::of(memory, state.guest.as_ref(), &mut state.touched);
    Ok(room.and_then(|mut room| room.give(bytes)))
}

/// A guest's memory where its allocator tells where its books are: room is made without asking it.
pub(super) struct Room<'c> {
    memory: &'c mut [u8],
    books: u32,
    touched: &'c mut Touched,
}

impl<'c> Room<'c> {
    pub(super) fn of(memory: &'c mut [u8], guest: Option<&Guest>, touched: &'c mut Touched) -> Option<Self> {
        let books = guest?.heap?;
        touched.range(books, heap::BOOKS);
        Some(Self { memory, books, touched })
    }

    /// Puts these bytes into a block of their own: its address, if there is room.
    pub(super) fn give(&mut self, bytes: &[u8]) -> Option<u32> {
        let length = u32::try_from(bytes.len()).ok()?;
        let at = heap::take(self.memory, self.books, length)?;
        put(self.memory, at, bytes).ok()?;
        self.touched.range(at, length);
        Some(at)
    }
}

/// Makes room in the guest's memory.
///
/// The guest is taken out of the state for as long as it does: cloning its function would cost more
/// than the call, and a `cabi_realloc` that calls the host is not to be served (the canonical ABI
/// has it trap as well).
fn room(
    mut store: impl AsContextMut<Data = CallState>,
    alignment: i32,
    length: i32,
) -> wasmtime::Result<i32> {
    let guest = store.as_context_mut().data_mut().guest.take().ok_or(Lie::NotNow)?;
    let at = guest.realloc.call(&mut store, (0, 0, alignment, length));
    store.as_context_mut().data_mut().guest = Some(guest);
    at
}

/// Writes into the guest's memory, where it asked for it or made room.
pub(super) fn write(
    mut store: impl AsContextMut<Data = CallState>,
    at: i32,
    bytes: &[u8],
) -> wasmtime::Result<()> {
    let mut context = store.as_context_mut();
    let memory = context.data().guest.as_ref().ok_or(Lie::NotNow)?.memory;
    let (memory, state) = memory.data_and_store_mut(&mut context);
    Ok(put_at(memory, &mut state.touched, at, bytes)?)
}

/// The same, with both at hand.
pub(super) fn put_at(memory: &mut [u8], touched: &mut Touched, at: i32, bytes: &[u8]) -> Result<(), Lie> {
    put(memory, at.cast_unsigned(), bytes)?;
    touched.range(at.cast_unsigned(), u32::try_from(bytes.len()).map_err(|_too_long| Lie::Outside)?);
    Ok(())
}

fn put(memory: &mut [u8], at: u32, bytes: &[u8]) -> Result<(), Lie> {
    let to = memory.get_mut(at as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
    to.ok_or(Lie::Outside)?.copy_from_slice(bytes);
    Ok(())
}

/// A guest's memory, to read in.
#[derive(Clone, Copy)]
pub(super) struct View<'m>(&'m [u8]);

impl<'m> View<'m> {
    pub(super) fn new(memory: &'m [u8]) -> Self {
        Self(memory)
    }

    pub(super) fn bytes(self, at: i32, length: i32) -> Result<&'m [u8], Lie> {
        let start = address(at);
        let end = start.checked_add(address(length)).ok_or(Lie::Outside)?;
        self.0.get(start..end).ok_or(Lie::Outside)
    }

    pub(super) fn text(self, at: i32, length: i32) -> Result<&'m str, Lie> {
        std::str::from_utf8(self.bytes(at, length)?).map_err(|_invalid| Lie::NotText)
    }

    pub(super) fn byte(self, at: i32) -> Result<u8, Lie> {
        self.0.get(address(at)).copied().ok_or(Lie::Outside)
    }

    pub(super) fn half(self, at: i32) -> Result<u16, Lie> {
        let bytes = self.bytes(at, 2)?.first_chunk().ok_or(Lie::Outside)?;
        Ok(u16::from_le_bytes(*bytes))
    }

    pub(super) fn word(self, at: i32) -> Result<i32, Lie> {
        let bytes = self.bytes(at, 4)?.first_chunk().ok_or(Lie::Outside)?;
        Ok(i32::from_le_bytes(*bytes))
    }

    /// The bytes of a list whose address and length lie here.
    pub(super) fn list(self, at: i32) -> Result<&'m [u8], Lie> {
        self.bytes(self.word(at)?, self.word(after(at, 4))?)
    }

    /// The text whose address and length lie here.
    pub(super) fn string(self, at: i32) -> Result<&'m str, Lie> {
        self.text(self.word(at)?, self.word(after(at, 4))?)
    }

    /// The addresses of the elements of a list, all of which lie inside.
    pub(super) fn elements(
        self,
        at: i32,
        count: i32,
        size: i32,
    ) -> Result<impl Iterator<Item = i32> + Clone, Lie> {
        let length = count.checked_mul(size).filter(|_| count >= 0).ok_or(Lie::Outside)?;
        self.bytes(at, length)?;
        Ok((0..count).map(move |position| after(at, position.wrapping_mul(size))))
    }
}

/// A field of a value; it may lie outside, and is then found to.
pub(super) fn after(at: i32, offset: i32) -> i32 {
    at.wrapping_add(offset)
}

/// An address of a 32-bit memory: WebAssembly has no negative ones.
fn address(at: i32) -> usize {
    at.cast_unsigned() as usize
}
