//! Instances that wait for their next call.
//!
//! A worker puts an instance back where it took it from, a shard of its own, so that workers do not
//! wait for each other's locks or pass the same lines of memory around.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::call::Instance;

/// Instances of one filter, or of all filters of one component.
pub(crate) struct Pool {
    shards: Box<[Shard]>,
    /// Instances that belong here, whether they wait or are being called.
    kept: AtomicU32,
    most: u32,
    /// How many instances each worker may have for as many filters; more filters share them.
    variety: usize,
    slots: Arc<Slots>,
}

/// Aligned so that no two of them lie in lines that processors fetch together.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<Waiting>);

/// By address: an instance is moved four times a call.
pub(crate) type Waiting = Vec<Box<Instance>>;

/// Instances that wait hold places of Wasmtime's pool that new ones need: this many may, of all filters together.
#[derive(Debug)]
pub(crate) struct Slots {
    taken: AtomicU32,
    most: u32,
    /// How many shards a pool has. Counting processors reads files of the system, so it is done once.
    shards: usize,
}

impl Slots {
    pub(crate) fn new(most: u32) -> Self {
        let shards = thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX);
        Self { taken: AtomicU32::new(0), most, shards }
    }

    fn are_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.most
    }
}

impl Pool {
    /// For at most so many instances; one that is for none takes no memory for them either.
    pub(crate) fn new(most: u32, slots: &Arc<Slots>) -> Self {
        let shards = if most == 0 { 0 } else { slots.shards };
        let variety = variety(most.min(slots.most / COMPONENTS), slots.shards);
        let shards = std::iter::repeat_with(Shard::default).take(shards).collect();
        Self { shards, kept: AtomicU32::new(0), most, variety, slots: Arc::clone(slots) }
    }

    /// Any instance that waits.
    pub(crate) fn take(&self) -> Option<Box<Instance>> {
        self.shard()?.pop()
    }

    /// The instance that is wanted, if it waits; else another one, if there are enough that a new one is
    /// not worth making.
    pub(crate) fn take_the(&self, wanted: impl Fn(&Instance) -> bool) -> Option<Box<Instance>> {
        let mut waiting = self.shard()?;
        if let Some(position) = waiting.iter().rposition(|instance| wanted(instance)) {
            return Some(waiting.swap_remove(position));
        }
        let enough = waiting.len() >= self.variety || self.is_full();
        // The one that waits longest: in a chain, its turn comes last.
        (enough && !waiting.is_empty()).then(|| waiting.remove(0))
    }

    /// Keeps the instance for another call, if it belongs here or there is room.
    pub(crate) fn put_back(&self, mut instance: Box<Instance>) {
        if !instance.kept && !self.has_room() {
            return;
        }
        instance.kept = true;
        match self.shard() {
            Some(mut waiting) => waiting.push(instance),
            None => self.end(instance),
        }
    }

    /// Ends an instance that was taken from here.
    pub(crate) fn end(&self, instance: Box<Instance>) {
        self.give_up(usize::from(instance.kept));
        drop(instance);
    }

    /// Ends the instances that wait and are meant.
    pub(crate) fn end_all(&self, meant: impl Fn(&Instance) -> bool) {
        for shard in &self.shards {
            let mut waiting = lock(shard);
            let ended: Vec<_> = waiting.extract_if(.., |instance| meant(instance)).collect();
            drop(waiting);
            self.give_up(ended.len());
        }
    }

    /// Takes all that wait.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Waiting {
        self.shards.iter().flat_map(|shard| std::mem::take(&mut *lock(shard))).collect()
    }

    /// Counts one more in, if there is room for it.
    fn has_room(&self) -> bool {
        if self.kept.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.kept.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if self.slots.taken.fetch_add(1, Ordering::Relaxed) >= self.slots.most {
            self.give_up(1);
            return false;
        }
        true
    }

    fn is_full(&self) -> bool {
        self.kept.load(Ordering::Relaxed) >= self.most || self.slots.are_taken()
    }

    fn give_up(&self, kept: usize) {
        let kept = u32::try_from(kept).unwrap_or_default();
        self.kept.fetch_sub(kept, Ordering::Relaxed);
        self.slots.taken.fetch_sub(kept, Ordering::Relaxed);
    }

    fn shard(&self) -> Option<MutexGuard<'_, Waiting>> {
        let position = WORKER.with(|worker| *worker) % self.shards.len().max(1);
        self.shards.get(position).map(lock)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end_all(|_| true);
    }
}

fn lock(shard: &Shard) -> MutexGuard<'_, Waiting> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More shards than this serve no machine, and each pool has them.
const SHARDS_MAX: usize = 64;

/// What each of so many workers may have of so many instances: no worker may be left without because
/// others have them all, or each of its calls would need a new one.
fn variety(instances: u32, workers: usize) -> usize {
    let share = usize::try_from(instances).unwrap_or(usize::MAX) / workers.max(1);
    share.clamp(1, VARIETY_MAX)
}

/// So many filters of one component keep instances of their own on each worker, where there are enough.
const VARIETY_MAX: usize = 8;

/// So many components share the places for instances that wait, as a rule.
const COMPONENTS: u32 = 4;

thread_local! {
    /// The number of this thread, in the order in which threads first came here.
    static WORKER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests {
    use super::variety;

    #[test]
    fn every_worker_has_a_share_of_the_instances() {
        let of = |workers| variety(125, workers);
        assert_eq!([1, 2, 15, 16, 32, 64, 1000].map(of), [8, 8, 8, 7, 3, 1, 1]);
        for workers in [1, 2, 16, 64] {
            assert!(of(workers) * workers <= 125, "{workers} workers would leave some without");
        }
    }
}
