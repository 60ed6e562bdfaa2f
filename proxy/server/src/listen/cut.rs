//! What a shutdown does with exchanges that it waits for no longer: their clients' connections end beneath them, so that each
//! finds out by itself, says what it can, and is logged.

use std::collections::HashSet;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::SockRef;

/// The connections that can be cut, by their numbers; in shards, so that two that begin at one time seldom meet.
#[derive(Default)]
pub(super) struct Wires([Mutex<HashSet<RawFd>>; SHARDS]);

const SHARDS: usize = 16;

/// A connection that can be cut, until this is dropped: before the connection is closed, so that nobody else has its number.
pub(super) struct Wire {
    wires: Arc<Wires>,
    number: RawFd,
}

impl Wires {
    pub(super) fn holding(self: &Arc<Self>, number: RawFd) -> Wire {
        self.shard(number).insert(number);
        Wire { wires: Arc::clone(self), number }
    }

    /// Nothing more comes on them; or nothing comes or goes.
    #[expect(unsafe_code, reason = "each connection is its own task's")]
    pub(super) fn cut(&self, how: Shutdown) {
        for shard in &self.0 {
            for number in locked(shard).iter() {
                // SAFETY: who holds the connection takes its number out of here before it closes it, and can not while
                // the shard is locked.
                let wire = unsafe { BorrowedFd::borrow_raw(*number) };
                // What the client has closed need not be.
                let _ = SockRef::from(&wire).shutdown(how);
            }
        }
    }

    fn shard(&self, number: RawFd) -> MutexGuard<'_, HashSet<RawFd>> {
        let [first, ..] = &self.0;
        let at = usize::try_from(number).unwrap_or_default() % SHARDS;
        locked(self.0.get(at).unwrap_or(first))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.wires.shard(self.number).remove(&self.number);
    }
}

fn locked(shard: &Mutex<HashSet<RawFd>>) -> MutexGuard<'_, HashSet<RawFd>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_held_is_cut_by_halves_and_nothing_else() {
        let wires = Arc::new(Wires::default());
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let (mut other, mut other_far) = UnixStream::pair().unwrap();
        let held = wires.holding(near.as_raw_fd());
        drop(wires.holding(other.as_raw_fd()));
        wires.cut(Shutdown::Read);
        assert_eq!(near.read(&mut [0]).unwrap(), 0);
        near.write_all(b"x").unwrap();
        assert_eq!(far.read(&mut [0]).unwrap(), 1);
        wires.cut(Shutdown::Both);
        assert!(near.write_all(b"x").is_err());
        other_far.write_all(b"x").unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 1);
        drop(held);
        assert!(wires.0.iter().all(|shard| locked(shard).is_empty()));
    }
}
