//! The heap of a guest: quick, and close together.
//!
//! Every call starts from a copy of the guest's memory, so it pays to have few pages. The allocator
//! that comes with `std` leaves the rest of the data's page unused and begins one of its own; it is
//! also 7 KiB of code, made for programs that run for months. A filter's instance lives for one
//! call, or for a few that are much alike. So here blocks are powers of two; the last one that was
//! made can grow and shrink where it is; what is freed is kept for the next block of its size, and
//! nothing is ever merged. A block gets a size only where none of that size is kept, so there are never
//! more of a size than were in use at one time: calls that are alike need no more memory than a few of them.
#![allow(unsafe_code, reason = "an allocator hands out memory")]

use std::alloc::Layout;
use std::ptr;

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(test)]
mod tests;

/// Where memory comes from.
pub(crate) trait Memory {
    /// At least so many bytes that nobody else uses; their start and their number.
    fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)>;
}

/// What was handed out, and what came back.
///
/// A host that finds these books (a guest exports their address as `edgeloom:heap-1`) may hand out blocks by
/// them itself, which is cheaper than to ask through `cabi_realloc` for every text. Nor need it have a
/// result freed (`cabi_post_…`) that points at nothing. So their form is a promise: a change of it, or
/// of what is done by it, is another name.
#[repr(C)]
pub(crate) struct Heap {
    /// For each size the blocks that came back; each holds the address of the next.
    free: [*mut u8; SIZES],
    /// Where the next new block begins.
    next: *mut u8,
    /// Where the memory ends.
    end: *mut u8,
}

/// The smallest block, and what every block is aligned to.
const SMALLEST: usize = 16;
/// From 16 bytes to half of what can be addressed.
const SIZES: usize = 28;

impl Heap {
    pub(crate) const fn new() -> Self {
        Self { free: [ptr::null_mut(); SIZES], next: ptr::null_mut(), end: ptr::null_mut() }
    }

    /// A block for this layout; null where there is no memory left.
    pub(crate) fn alloc(&mut self, layout: Layout, memory: &mut impl Memory) -> *mut u8 {
        let Some(size) = block(layout) else { return ptr::null_mut() };
        match self.take(size, layout.align()) {
            Some(block) => block,
            None => self.make(size, layout.align().max(SMALLEST), memory),
        }
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// `alloc` or `realloc` of this heap gave it, for this layout.
    pub(crate) unsafe fn dealloc(&mut self, block_at: *mut u8, layout: Layout) {
        let Some(size) = block(layout) else { return };
        if self.is_last(block_at, size) {
            self.next = block_at;
        } else if let Some(head) = self.kept(size) {
            // SAFETY: the caller's block is at least 16 bytes, aligned to 16, and no longer used.
            unsafe { block_at.cast::<*mut u8>().write(*head) };
            *head = block_at;
        }
    }

    /// Makes a block larger or smaller, elsewhere if need be; null where there is no memory left.
    ///
    /// # Safety
    ///
    /// As for `dealloc`.
    pub(crate) unsafe fn realloc(
        &mut self,
        block_at: *mut u8,
        layout: Layout,
        new_size: usize,
        memory: &mut impl Memory,
    ) -> *mut u8 {
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return ptr::null_mut();
        };
        let (Some(before), Some(after)) = (block(layout), block(new_layout)) else { return ptr::null_mut() };
        if before == after {
            return block_at;
        }
        let room = self.end.addr().saturating_sub(block_at.addr());
        let moved = match self.take(after, layout.align()) {
            Some(kept) => kept,
            None if self.is_last(block_at, before) && after <= room => {
                self.next = block_at.wrapping_add(after);
                return block_at;
            }
            None => self.make(after, layout.align().max(SMALLEST), memory),
        };
        if !moved.is_null() {
            // SAFETY: both are blocks of at least so many bytes, and the new one is not the old one.
            unsafe { ptr::copy_nonoverlapping(block_at, moved, layout.size().min(new_size)) };
            // SAFETY: as the caller promises.
            unsafe { self.dealloc(block_at, layout) };
        }
        moved
    }

    /// A block that came back, if there is one of this size.
    fn take(&mut self, size: usize, align: usize) -> Option<*mut u8> {
        let mut link: *mut *mut u8 = self.kept(size)?;
        loop {
            // SAFETY: the head of a list, or a block in it: at least 16 bytes of ours, which hold the address
            // of the next.
            let block = unsafe { link.read() };
            if block.is_null() {
                return None;
            }
            // Which is so for all but those who ask for more than 16.
            if block.addr().is_multiple_of(align) {
                // SAFETY: as above, for both.
                unsafe { link.write(block.cast::<*mut u8>().read()) };
                return Some(block);
            }
            link = block.cast();
        }
    }

    /// A block that was not there before.
    #[inline(never)]
    fn make(&mut self, size: usize, align: usize, memory: &mut impl Memory) -> *mut u8 {
        loop {
            let start = self.next.wrapping_add(self.next.addr().wrapping_neg() % align);
            let room = self.end.addr().saturating_sub(start.addr());
            if !self.next.is_null() && size <= room {
                self.next = start.wrapping_add(size);
                return start;
            }
            let Some((begin, bytes)) = memory.more(size + align) else { return ptr::null_mut() };
            if begin != self.end {
                self.next = begin;
            }
            self.end = begin.wrapping_add(bytes);
        }
    }

    fn is_last(&self, block_at: *mut u8, size: usize) -> bool {
        block_at.wrapping_add(size) == self.next
    }

    /// Where the blocks of this size are kept.
    fn kept(&mut self, size: usize) -> Option<&mut *mut u8> {
        self.free.get_mut((size / SMALLEST).trailing_zeros() as usize)
    }
}

/// The size of the block for this layout.
fn block(layout: Layout) -> Option<usize> {
    layout.size().max(SMALLEST).checked_next_power_of_two()
}
