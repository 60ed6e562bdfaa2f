//! Writes all over its memory, its stack and its own books included; where and how, the `seed` says.
//!
//! Whether a call comes to its end is then a matter of luck.
#![expect(unsafe_code, reason = "that is what is wrong with it")]

use std::hint::black_box;

use edgeloom_sdk::{Answer, Request, Settings, filter, header};

#[derive(Settings)]
struct Scribbles {
    seed: u32,
}

#[filter]
impl Scribbles {
    #[on_request]
    fn on_request(&self, request: &mut Request) -> Result<(), Answer> {
        let mut dice =
            self.seed ^ u32::try_from(request.header("x-a").map_or(0, |value| value.len())).unwrap_or(0);
        let first = roll(&mut dice);
        // Its stack is at the bottom: from above that, calls mostly survive.
        let from = if first.is_multiple_of(4) { 0 } else { 40 * 1024 };
        for _ in 0..first % 200 {
            let size = memory_size();
            let at = from + roll(&mut dice) as usize % size.saturating_sub(from + 64).max(1);
            let value = u64::from(roll(&mut dice));
            let length = roll(&mut dice) as usize % 3000;
            // SAFETY: none. It stays in its memory, and whatever was there is gone.
            unsafe {
                let place = black_box(at as *mut u8);
                match roll(&mut dice) % 6 {
                    0 => place.write_volatile(7),
                    1 => place.cast::<u16>().write_unaligned(9),
                    2 => place.cast::<u32>().write_unaligned(value as u32),
                    3 => place.cast::<u64>().write_unaligned(value),
                    4 => place.write_bytes(0x5a, length.min(size - at)),
                    _ => place.copy_from(black_box((at / 2) as *const u8), length.min(size - at)),
                }
            }
        }
        match roll(&mut dice) % 12 {
            0 => panic!("half-way"),
            1 => grow(),
            2 => return Err(Answer::text(403, "scribbled")),
            _ => {}
        }
        request.set_header(header!("x-scribbled"), "yes");
        Ok(())
    }
}

/// The next of a stream of numbers (xorshift).
fn roll(dice: &mut u32) -> u32 {
    *dice = (*dice).max(1);
    *dice ^= *dice << 13;
    *dice ^= *dice >> 17;
    *dice ^= *dice << 5;
    *dice
}

#[cfg(target_arch = "wasm32")]
fn memory_size() -> usize {
    std::arch::wasm32::memory_size::<0>() * 64 * 1024
}

#[cfg(target_arch = "wasm32")]
fn grow() {
    std::arch::wasm32::memory_grow::<0>(1);
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_size() -> usize {
    64
}

#[cfg(not(target_arch = "wasm32"))]
fn grow() {}
