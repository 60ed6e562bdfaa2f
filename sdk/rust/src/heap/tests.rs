use proptest::prelude::*;

use super::*;

/// An arena that grows by little, now and then elsewhere.
struct Arena {
    memory: Box<[u128]>,
    used: usize,
    grown: usize,
    /// Skips some bytes at this growth.
    gap_at: usize,
}

impl Arena {
    fn new(gap_at: usize) -> Self {
        Self { memory: vec![0; 1 << 14].into(), used: 0, grown: 0, gap_at }
    }
}

impl Memory for Arena {
    fn more(&mut self, bytes: usize) -> Option<(*mut u8, usize)> {
        self.grown += 1;
        if self.grown == self.gap_at {
            self.used += 48;
        }
        let bytes = bytes.next_multiple_of(256);
        let start = self.used;
        self.used += bytes;
        let base = self.memory.as_mut_ptr().cast::<u8>();
        (self.used <= self.memory.len() * 16).then(|| (base.wrapping_add(start), bytes))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Alloc { size: usize, align: usize },
    Realloc { which: usize, size: usize },
    Dealloc { which: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0..40_usize, 0..600_usize];
    prop_oneof![
        (size.clone(), 0..8_u32)
            .prop_map(|(size, align)| Step::Alloc { size: size.max(1), align: 1 << align }),
        (any::<usize>(), size).prop_map(|(which, size)| Step::Realloc { which, size: size.max(1) }),
        any::<usize>().prop_map(|which| Step::Dealloc { which }),
    ]
}

/// Blocks in use, each filled with its own byte.
struct Used {
    blocks: Vec<(*mut u8, Layout, u8)>,
}

impl Used {
    fn fill(&mut self, block: *mut u8, layout: Layout) {
        assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
        let mark = u8::try_from(self.blocks.len() % 251).unwrap();
        // SAFETY: the heap gave this block for this layout.
        unsafe { block.write_bytes(mark, layout.size()) };
        self.blocks.push((block, layout, mark));
    }

    /// Whether everything that was written is still there.
    fn check(&self) {
        for (block, layout, mark) in &self.blocks {
            // SAFETY: the block is in use and was filled.
            let bytes = unsafe { std::slice::from_raw_parts(*block, layout.size()) };
            assert!(bytes.iter().all(|byte| byte == mark), "{layout:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 256 }))]

    #[test]
    fn blocks_do_not_overlap_and_keep_what_is_in_them(steps in prop::collection::vec(any_step(), 0..120), gap in 0..6_usize) {
        let (mut heap, mut arena, mut used) = (Heap::new(), Arena::new(gap), Used { blocks: Vec::new() });
        for step in steps {
            match step {
                Step::Alloc { size, align } => {
                    let layout = Layout::from_size_align(size, align).unwrap();
                    used.fill(heap.alloc(layout, &mut arena), layout);
                }
                Step::Realloc { which, size } if !used.blocks.is_empty() => {
                    let (block, layout, mark) = used.blocks.swap_remove(which % used.blocks.len());
                    // SAFETY: the heap gave this block for this layout.
                    let moved = unsafe { heap.realloc(block, layout, size, &mut arena) };
                    prop_assert!(!moved.is_null());
                    // SAFETY: so many bytes were filled before.
                    let kept = unsafe { std::slice::from_raw_parts(moved, size.min(layout.size())) };
                    prop_assert!(kept.iter().all(|byte| *byte == mark));
                    used.fill(moved, Layout::from_size_align(size, layout.align()).unwrap());
                }
                Step::Dealloc { which } if !used.blocks.is_empty() => {
                    let (block, layout, _) = used.blocks.swap_remove(which % used.blocks.len());
                    // SAFETY: the heap gave this block for this layout.
                    unsafe { heap.dealloc(block, layout) };
                }
                Step::Realloc { .. } | Step::Dealloc { .. } => {}
            }
            used.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

    #[test]
    fn calls_that_are_alike_need_no_more_memory_than_a_few(steps in prop::collection::vec(any_step(), 0..20)) {
        let (mut heap, mut arena) = (Heap::new(), Arena::new(0));
        let few = if cfg!(miri) { 10 } else { 100 };
        let (mut highest, mut after_few) = (0, 0);
        for call in 0..3 * few {
            let mut used = Vec::new();
            for step in &steps {
                highest = highest.max(heap.next.addr());
                match *step {
                    Step::Alloc { size, align } => {
                        let layout = Layout::from_size_align(size, align).unwrap();
                        used.push((heap.alloc(layout, &mut arena), layout));
                    }
                    Step::Realloc { which, size } if !used.is_empty() => {
                        let (block, layout) = used.swap_remove(which % used.len());
                        let resized = Layout::from_size_align(size, layout.align()).unwrap();
                        // SAFETY: the heap gave this block for this layout.
                        used.push((unsafe { heap.realloc(block, layout, size, &mut arena) }, resized));
                    }
                    Step::Dealloc { which } if !used.is_empty() => {
                        let (block, layout) = used.swap_remove(which % used.len());
                        // SAFETY: as above.
                        unsafe { heap.dealloc(block, layout) };
                    }
                    Step::Realloc { .. } | Step::Dealloc { .. } => {}
                }
            }
            for (block, layout) in used {
                prop_assert!(!block.is_null());
                // SAFETY: as above.
                unsafe { heap.dealloc(block, layout) };
            }
            if call == few {
                after_few = highest;
            }
        }
        prop_assert_eq!(highest, after_few);
    }
}

#[test]
fn a_text_that_grows_in_each_call_finds_room() {
    let (mut heap, mut arena) = (Heap::new(), Arena::new(0));
    let [small, large, other] = [16, 32, 64].map(|size| Layout::from_size_align(size, 1).unwrap());
    let mut extents = Vec::new();
    for _call in 0..100 {
        let text = heap.alloc(small, &mut arena);
        // SAFETY: the heap gave this block, and the next, for these layouts.
        let text = unsafe { heap.realloc(text, small, 32, &mut arena) };
        let after = heap.alloc(other, &mut arena);
        unsafe { heap.dealloc(text, large) };
        unsafe { heap.dealloc(after, other) };
        extents.push(heap.next.addr());
    }
    assert_eq!(extents.first(), extents.last());
}

#[test]
fn the_last_block_grows_where_it_is() {
    let (mut heap, mut arena) = (Heap::new(), Arena::new(0));
    let layout = Layout::from_size_align(16, 1).unwrap();
    let block = heap.alloc(layout, &mut arena);
    // SAFETY: the heap gave this block for this layout.
    assert_eq!(unsafe { heap.realloc(block, layout, 100, &mut arena) }, block);
}

#[test]
fn no_memory_is_no_block() {
    let (mut heap, mut arena) = (Heap::new(), Arena::new(0));
    for size in [1 << 20, usize::MAX / 2 - 64] {
        assert!(heap.alloc(Layout::from_size_align(size, 1).unwrap(), &mut arena).is_null(), "{size}");
    }
}
