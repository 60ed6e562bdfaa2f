//! The heap in a guest's own memory.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::UnsafeCell;

use super::{Heap, Memory};

#[global_allocator]
#[unsafe(export_name = "edgeloom:heap-1")]
static GLOBAL: Global = Global(UnsafeCell::new(Books { heap: Heap::new(), pages: Pages { begun: false } }));

#[repr(transparent)]
struct Global(UnsafeCell<Books>);

/// The heap comes first: its address is what is exported.
#[repr(C)]
struct Books {
    heap: Heap,
    pages: Pages,
}

// SAFETY: the contract knows no threads: a guest runs one call at a time.
unsafe impl Sync for Global {}

// SAFETY: blocks are given for the layout asked for and not given again before they came back. No
// method is entered twice at a time: they call nothing that allocates.
unsafe impl GlobalAlloc for Global {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread, and no other reference while this one lives.
        let Books { heap, pages } = unsafe { &mut *self.0.get() };
        heap.alloc(layout, pages)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as for `alloc`; the block is ours, as the caller promises.
        unsafe { (*self.0.get()).heap.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let Books { heap, pages } = unsafe { &mut *self.0.get() };
        // SAFETY: the block is ours, as the caller promises.
        unsafe { heap.realloc(block, layout, new_size, pages) }
    }
}

const PAGE: usize = 64 * 1024;

/// First what the linker left of the last page, then new ones.
struct Pages {
    begun: bool,
}

impl Memory for Pages {
    fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)> {
        unsafe extern "C" {
            static mut __heap_base: u8;
        }
        if !self.begun {
            self.begun = true;
            let start = &raw mut __heap_base;
            return Some((start, memory_size::<0>() * PAGE - start.addr()));
        }
        let pages = bytes.div_ceil(PAGE);
        let before = memory_grow::<0>(pages);
        (before != usize::MAX).then(|| ((before * PAGE) as *mut u8, pages * PAGE))
    }
}
