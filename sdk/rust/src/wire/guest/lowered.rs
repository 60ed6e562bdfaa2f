//! Edits on their way to the proxy: a `list<edit>`, written down once.
//!
//! What `wit-bindgen` generates for `apply` wants a list of its own types and lowers that into
//! another one: two copies and three allocations for what every filter does in every call.
//! The layout is that of the canonical ABI, for a memory of 32-bit addresses.

use super::http;
use crate::edits::Edit;
use crate::{Edits, Refusal};

/// An `edit`: its case at 0, its texts from 4.
#[repr(C)]
struct Lowered {
    case: u8,
    name: Text,
    /// Nothing where the case has one text.
    value: Text,
}

/// A `string` or a `list<u8>`.
#[repr(C)]
struct Text {
    at: *const u8,
    length: usize,
}

const _: () = assert!(size_of::<Lowered>() == 20 && align_of::<Lowered>() == 4);

/// A `result<_, refusal>`: whether it was refused, and why.
type Answered = [u8; 2];

#[link(wasm_import_module = "edgeloom:filter/http@0.1.0")]
unsafe extern "C" {
    #[link_name = "[method]request.apply"]
    fn apply_to_request(request: u32, edits: *const Lowered, count: usize, answered: *mut Answered);
    #[link_name = "[method]response.apply"]
    fn apply_to_response(response: u32, edits: *const Lowered, count: usize, answered: *mut Answered);
}

pub(super) fn to_request(request: &http::Request, edits: &Edits<'_>) -> Result<(), Refusal> {
    apply(request.handle(), edits, apply_to_request)
}

pub(super) fn to_response(response: &http::Response, edits: &Edits<'_>) -> Result<(), Refusal> {
    apply(response.handle(), edits, apply_to_response)
}

#[inline]
fn apply(
    head: u32,
    edits: &Edits<'_>,
    import: unsafe extern "C" fn(u32, *const Lowered, usize, *mut Answered),
) -> Result<(), Refusal> {
    let lowered: Vec<Lowered> = edits.as_slice().iter().map(Lowered::of).collect();
    let mut answered = [0; 2];
    // SAFETY: the list and the texts that it points at outlive the call, which only reads them, and the
    // answer is as large as what is written there.
    unsafe { import(head, lowered.as_ptr(), lowered.len(), &raw mut answered) };
    match answered {
        [0, _] => Ok(()),
        [_, 0] => Err(Refusal::Malformed),
        [_, 1] => Err(Refusal::Reserved),
        [_, 2] => Err(Refusal::TooLarge),
        [_, _] => Err(Refusal::NotGranted),
    }
}

impl Lowered {
    #[inline]
    fn of(edit: &Edit<'_>) -> Self {
        let (case, name, value): (_, &[u8], &[u8]) = match edit {
            Edit::Set(name, value) => (0, name.as_bytes(), value),
            Edit::Add(name, value) => (1, name.as_bytes(), value),
            Edit::Remove(name) => (2, name.as_bytes(), &[]),
            Edit::RemoveLike(pattern) => (3, pattern.as_bytes(), &[]),
            Edit::Fact(name, value) => (4, name.as_bytes(), value.as_bytes()),
        };
        Self { case, name: Text::of(name), value: Text::of(value) }
    }
}

impl Text {
    #[inline]
    fn of(bytes: &[u8]) -> Self {
        Self { at: bytes.as_ptr(), length: bytes.len() }
    }
}
