//! Lies to the proxy: about what its settings name.
//!
//! Its exports are written by hand, below the SDK, which would not let it. A result is seven words:
//! whether there is a verdict (0) or an error (1); for a verdict, whether it is to proceed (0) or an
//! answer (1), and then the memo; for an error, its text. Memo and text are a pointer and a length.
#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "the exports are those of the canonical ABI, but for what they return")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};

// For the description of the world, and for `cabi_realloc`.
wit_bindgen::generate!({ path: "../../../sdk/wit", world: "edgeloom:filter/request-filter" });

const LIES: [&str; 11] = [
    "memo",
    "length",
    "result",
    "verdict",
    "text",
    "pointer",
    "alignment",
    "argument",
    "handle",
    "room",
    "lent",
];

/// The lie that the settings name, or the first.
static ABOUT: AtomicUsize = AtomicUsize::new(0);

#[unsafe(export_name = "edgeloom:filter/setup@0.1.0#configure")]
extern "C" fn configure(settings: *const u8, length: usize) -> *const AtomicU32 {
    wit_bindgen::rt::maybe_link_cabi_realloc();
    // SAFETY: the proxy wrote the settings there.
    let settings = unsafe { std::slice::from_raw_parts(settings, length) };
    let named = |lie: &&str| settings.windows(lie.len()).any(|window| window == lie.as_bytes());
    ABOUT.store(LIES.iter().position(named).unwrap_or(0), Relaxed);
    result([0; 7])
}

#[unsafe(export_name = "edgeloom:filter/request-phase@0.1.0#on-request")]
extern "C" fn on_request(request: u32) -> *const AtomicU32 {
    let lie = LIES.get(ABOUT.load(Relaxed)).copied().unwrap_or_default();
    match lie {
        "argument" => ask(request, OUTSIDE as *const u8),
        "handle" => ask(request + 1, b"host".as_ptr()),
        "room" => {
            LYING.store(true, Relaxed);
            ask(request, b"host".as_ptr());
        }
        _ => {}
    }
    if lie != "lent" {
        // SAFETY: what was lent is given back, once.
        unsafe { drop_request(request) };
    }
    match lie {
        "memo" => result([0, 0, OUTSIDE, 16, 0, 0, 0]),
        "length" => result([0, 0, 1024, OUTSIDE, 0, 0, 0]),
        "result" => result([7, 0, 0, 0, 0, 0, 0]),
        "verdict" => result([0, 7, 0, 0, 0, 0, 0]),
        "text" => result([1, b"\xff\xfe".as_ptr() as u32, 2, 0, 0, 0, 0]),
        "pointer" => OUTSIDE as *const AtomicU32,
        "alignment" => result([0; 7]).wrapping_byte_add(1),
        _ => result([0; 7]),
    }
}

const OUTSIDE: u32 = 0xffff_0000;

fn result(words: [u32; 7]) -> *const AtomicU32 {
    static RESULT: [AtomicU32; 7] = [const { AtomicU32::new(0) }; 7];
    RESULT.iter().zip(words).for_each(|(place, word)| place.store(word, Relaxed));
    RESULT.as_ptr()
}

/// Asks for a header, whose name is four bytes long and said to be there.
fn ask(request: u32, name: *const u8) {
    let mut value = [0; 3];
    // SAFETY: the value fits; the rest is for the proxy to find out.
    unsafe { request_header(request, name, 4, &raw mut value) };
}

#[link(wasm_import_module = "edgeloom:filter/http@0.1.0")]
unsafe extern "C" {
    #[link_name = "[method]request.header"]
    fn request_header(request: u32, name: *const u8, length: usize, value: *mut [u32; 3]);
    #[link_name = "[resource-drop]request"]
    fn drop_request(request: u32);
}

/// Finds room wherever it is asked to, once it lies: the proxy asks, for the value that it returns.
struct Liar;

static LYING: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static LIAR: Liar = Liar;

// SAFETY: none, once it lies. It is for the proxy to find out.
unsafe impl GlobalAlloc for Liar {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if LYING.load(Relaxed) {
            return OUTSIDE as *mut u8;
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(start, layout) }
    }
}
