//! Room in a guest's memory, taken without calling the guest.
//!
//! A text for the guest goes where its `cabi_realloc` says, and asking costs more than copying. A
//! guest built with our SDK tells where its allocator keeps its books (`sdk/rust/src/heap.rs`), so
//! the same can be done from here: a block that came back, else the next new one. Whatever is not as
//! it should be, `cabi_realloc` is asked. The books are the guest's and may say anything: what is
//! done by them is done to the guest's own memory.

/// The name of the exported address of the books, and their version.
pub(super) const EXPORT: &str = "edgeloom:heap-1";

/// The smallest block, and what every block is aligned to.
const SMALLEST: u32 = 16;
/// The number of lists of free blocks, which come first in the books.
const SIZES: u32 = 28;

/// A block for so many bytes, from the books at this address.
pub(super) fn take(memory: &mut [u8], books: u32, bytes: u32) -> Option<u32> {
    let size = bytes.max(SMALLEST).checked_next_power_of_two()?;
    let kept = books.checked_add(4 * (size / SMALLEST).trailing_zeros())?;
    let block = read(memory, kept)?;
    if block != 0 && block.is_multiple_of(SMALLEST) {
        let next = read(memory, block)?;
        write(memory, kept, next)?;
        return Some(block);
    }
    let next_at = books.checked_add(4 * SIZES)?;
    let (next, end) = (read(memory, next_at)?, read(memory, next_at.checked_add(4)?)?);
    let start = next.checked_next_multiple_of(SMALLEST)?;
    let after = start.checked_add(size)?;
    if next == 0 || after > end {
        return None;
    }
    write(memory, next_at, after)?;
    Some(start)
}

/// The length of the books, in bytes.
pub(super) const BOOKS: u32 = 4 * (SIZES + 2);

fn read(memory: &[u8], at: u32) -> Option<u32> {
    let bytes = memory.get(at as usize..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn write(memory: &mut [u8], at: u32, value: u32) -> Option<()> {
    let bytes = memory.get_mut(at as usize..)?.first_chunk_mut()?;
    *bytes = value.to_le_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKS_AT: u32 = 64;

    /// A memory of 4 KiB whose books say that new blocks lie between these addresses.
    fn memory(next: u32, end: u32) -> Vec<u8> {
        let mut memory = vec![0; 4096];
        write(&mut memory, BOOKS_AT + 4 * SIZES, next).unwrap();
        write(&mut memory, BOOKS_AT + 4 * SIZES + 4, end).unwrap();
        memory
    }

    #[test]
    fn blocks_are_powers_of_two_one_after_the_other() {
        let mut memory = memory(1001, 2000);
        assert_eq!(take(&mut memory, BOOKS_AT, 1), Some(1008));
        assert_eq!(take(&mut memory, BOOKS_AT, 17), Some(1024));
        assert_eq!(take(&mut memory, BOOKS_AT, 5), Some(1056));
        assert_eq!(take(&mut memory, BOOKS_AT, 1024), None, "past the end");
    }

    #[test]
    fn a_block_that_came_back_is_taken_first() {
        let mut memory = memory(1024, 2000);
        let list_of_32 = BOOKS_AT + 4;
        write(&mut memory, list_of_32, 512).unwrap();
        write(&mut memory, 512, 768).unwrap();
        assert_eq!(take(&mut memory, BOOKS_AT, 20), Some(512));
        assert_eq!(take(&mut memory, BOOKS_AT, 32), Some(768));
        assert_eq!(take(&mut memory, BOOKS_AT, 32), Some(1024));
    }

    #[test]
    fn books_that_lie_are_not_followed() {
        for (next, end) in [(0, 4096), (u32::MAX, u32::MAX), (u32::MAX - 20, 4096), (4000, 100)] {
            assert_eq!(take(&mut memory(next, end), BOOKS_AT, 16), None, "{next} {end}");
        }
        let mut memory = memory(0, 0);
        write(&mut memory, BOOKS_AT, 1 << 20).unwrap();
        assert_eq!(take(&mut memory, BOOKS_AT, 16), None, "a free block outside of memory");
        assert_eq!(take(&mut memory, 4090, 16), None, "books that are cut off");
        assert_eq!(take(&mut memory, u32::MAX, 16), None);
        assert_eq!(take(&mut memory, BOOKS_AT, u32::MAX), None);
    }
}
