//! An instance put back as it was before its first call, for less than the price of a new one.

use wasmtime::{Global, Memory, Store};

use super::frozen::Frozen;
use super::tracked::GRANULE;
use crate::exchange::CallState;

/// All of an instance that calls can change; see [`super::tracked`].
pub(super) struct Changing {
    pub(super) memory: Memory,
    pub(super) marks: Memory,
    pub(super) globals: Box<[Global]>,
}

/// Granules that the host wrote to on the guest's behalf, and those that are to be written back.
pub(crate) struct Touched {
    /// One bit a granule, modulo as many as there are bits.
    bits: [u64; WORDS],
    /// For [`Changing::restore`]: kept so that it need not be made for every call.
    due: Vec<usize>,
}

/// For a memory of one MiB; of a larger one, granules share bits.
const WORDS: usize = 16;

impl Default for Touched {
    fn default() -> Self {
        Self { bits: [0; WORDS], due: Vec::new() }
    }
}

impl Touched {
    /// The host has written so many bytes at this address.
    pub(super) fn range(&mut self, at: u32, length: u32) {
        let Some(last) = length.checked_sub(1).and_then(|rest| at.checked_add(rest)) else { return };
        for granule in at as usize / GRANULE..=last as usize / GRANULE {
            if let Some(word) = self.bits.get_mut(granule / 64 % WORDS) {
                *word |= 1 << (granule % 64);
            }
        }
    }

    /// Moves what was touched, or marked, to what is due; the granules are those of a memory of this many.
    fn take(&mut self, marks: &mut [u8], granules: usize) {
        self.due.clear();
        let words = marks.as_chunks_mut::<64>().0.iter_mut().take(granules.div_ceil(64));
        for (word, marks) in words.enumerate() {
            let mut bits = self.bits.get(word % WORDS).copied().unwrap_or_default();
            // Most are not set: eight at a time.
            for (eighth, eight) in marks.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                if *eight != [0; 8] {
                    let set = eight.iter().enumerate().filter(|(_, mark)| **mark != 0);
                    bits |= set.fold(0, |bits, (position, _)| bits | 1 << (eighth * 8 + position));
                    *eight = [0; 8];
                }
            }
            while bits != 0 {
                self.due.push(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
        self.bits = [0; WORDS];
    }
}

impl Changing {
    /// Writes back what the last call changed; `false` where that can not be done.
    pub(super) fn restore(&self, store: &mut Store<CallState>, image: &Frozen) -> bool {
        if self.memory.data_size(&*store) != image.length() {
            return false;
        }
        let mut touched = std::mem::take(&mut store.data_mut().touched);
        touched.take(self.marks.data_mut(&mut *store), image.length() / GRANULE);
        let memory = self.memory.data_mut(&mut *store);
        let mut next = 0;
        for granule in &touched.due {
            for granule in next.max(*granule)..granule + 2 {
                image.write(memory, granule);
            }
            next = granule + 2;
        }
        store.data_mut().touched = touched;
        self.set_globals(store, image)
    }

    /// Makes an instance at rest of one image into one of another; `false` where that can not be done.
    pub(super) fn become_another(
        &self,
        store: &mut Store<CallState>,
        before: &Frozen,
        image: &Frozen,
    ) -> bool {
        if self.memory.data_size(&*store) != image.length() {
            return false;
        }
        let memory = self.memory.data_mut(&mut *store);
        for granule in before.own().chain(image.own()) {
            image.write(memory, granule);
        }
        self.set_globals(store, image)
    }

    /// Makes a new instance into one of this image; `false` where it may not have as much memory.
    pub(super) fn begin(&self, store: &mut Store<CallState>, image: &Frozen) -> bool {
        let missing = image.length().saturating_sub(self.memory.data_size(&*store)) as u64;
        if missing > 0 && self.memory.grow(&mut *store, missing.div_ceil(PAGE)).is_err() {
            return false;
        }
        let memory = self.memory.data_mut(&mut *store);
        for granule in image.own() {
            image.write(memory, granule);
        }
        self.set_globals(store, image)
    }

    fn set_globals(&self, store: &mut Store<CallState>, image: &Frozen) -> bool {
        let mut both = self.globals.iter().zip(&image.globals);
        both.all(|(global, value)| global.set(&mut *store, *value).is_ok())
    }
}

/// Of WebAssembly's memory.
const PAGE: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
