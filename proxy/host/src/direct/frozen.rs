//! The memory and globals of a guest that has been configured.

use std::sync::Arc;

use wasmtime::Val;

use super::tracked::GRANULE;

/// A configured guest at rest.
///
/// Most of its memory is that of every other image of the component: only the granules that
/// `configure` changed are its own.
pub(crate) struct Frozen {
    /// The memory before `configure`, without the zeros at its end.
    base: Arc<[u8]>,
    /// Of the memory, in bytes.
    length: usize,
    /// The granules that differ from the base.
    own: Box<[[u8; GRANULE]]>,
    /// For each granule its position in `own`, and one; zero where it is the base's.
    places: Box<[u32]>,
    pub(super) globals: Box<[Val]>,
}

impl Frozen {
    /// Of a memory that was `base` before it was configured. Its length is a multiple of a granule.
    pub(super) fn new(base: &Arc<[u8]>, memory: &[u8], globals: Box<[Val]>) -> Self {
        let mut own = Vec::new();
        let mut places = Vec::with_capacity(memory.len() / GRANULE);
        for (position, granule) in memory.as_chunks::<GRANULE>().0.iter().enumerate() {
            if *granule == in_base(base, position) {
                places.push(0);
            } else {
                own.push(*granule);
                places.push(u32::try_from(own.len()).unwrap_or(u32::MAX));
            }
        }
        Self { base: Arc::clone(base), length: memory.len(), own: own.into(), places: places.into(), globals }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Bytes that this image does not share with others of its component.
    pub(crate) fn own_bytes(&self) -> usize {
        self.own.as_flattened().len() + size_of_val(&*self.places)
    }

    /// The positions of the granules that differ from the base.
    pub(super) fn own(&self) -> impl Iterator<Item = usize> {
        self.places.iter().enumerate().filter(|(_, place)| **place != 0).map(|(position, _)| position)
    }

    /// Writes one granule as it is here, if the memory has it.
    pub(super) fn write(&self, memory: &mut [u8], position: usize) {
        let Some(place) = self.places.get(position) else { return };
        let start = position * GRANULE;
        let Some(to) = memory.get_mut(start..start + GRANULE) else { return };
        match self.own.get((*place as usize).wrapping_sub(1)) {
            Some(own) => to.copy_from_slice(own),
            None => match self.base.get(start..start + GRANULE) {
                Some(base) => to.copy_from_slice(base),
                None => to.copy_from_slice(&in_base(&self.base, position)),
            },
        }
    }
}

/// A granule of the base, with the zeros that were left out.
fn in_base(base: &[u8], position: usize) -> [u8; GRANULE] {
    let mut granule = [0; GRANULE];
    let start = (position * GRANULE).min(base.len());
    for (to, from) in granule.iter_mut().zip(base.get(start..).unwrap_or_default()) {
        *to = *from;
    }
    granule
}

/// A memory without the zeros at its end.
pub(super) fn trimmed(memory: &[u8]) -> Arc<[u8]> {
    let end = memory.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    memory.get(..end).unwrap_or_default().into()
}
