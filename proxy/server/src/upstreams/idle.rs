//! Connections of HTTP/1.1 to endpoints that wait for their next request.
//!
//! Pingora has a pool of its own. For every connection that it keeps it begins a task that sees whether the endpoint
//! closes it, and that ends when the connection is used again: for each request a task, and locks that all workers share.
//! Here connections lie in a list of the worker that used them last. Whether one was closed is looked at when it is
//! taken, and now and then.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use pingora_core::protocols::Stream;
use pingora_core::upstreams::peer::Peer;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::kept::{Kept, Label, label};
use crate::limits::IDLE_SWEPT;

/// The connections of one connector.
#[derive(Clone)]
pub(super) struct Idle(Arc<Inner>);

struct Inner {
    /// One for each worker, or for a few.
    shards: Box<[Shard]>,
    /// How many may lie in each.
    most: usize,
    is_swept: AtomicBool,
}

/// Aligned so that no two of them lie in lines that processors fetch together.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<Lying>);

/// By what Pingora tells peers apart by; of each the longest unused first.
#[derive(Default)]
struct Lying {
    connections: BTreeMap<u64, Vec<Connection>>,
    count: usize,
}

struct Connection {
    stream: Stream,
    label: Arc<Label>,
    since: Instant,
    until: Option<Instant>,
}

impl Idle {
    /// For so many connections of each of so many workers.
    pub(super) fn new(most: usize, workers: usize) -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(workers.max(1)).collect();
        Self(Arc::new(Inner { shards, most, is_swept: AtomicBool::new(false) }))
    }

    /// A new connection, which comes here when it has been used.
    pub(super) fn keeping<P: Peer>(&self, stream: Stream, peer: &P) -> Stream {
        Box::new(Kept::new(stream, label(), self.clone(), peer.reuse_hash(), peer.idle_timeout()))
    }

    /// A connection to this peer that was used last and is still quiet: this worker's, or another's.
    pub(super) fn take<P: Peer>(&self, peer: &P) -> Option<Stream> {
        let key = peer.reuse_hash();
        let own = self.own();
        let shards = self.0.shards.iter().cycle().skip(own).take(self.0.shards.len());
        let mut found = shards.filter_map(|shard| lock(shard).take(key));
        let Connection { stream, label, .. } = found.next()?;
        Some(Box::new(Kept::new(stream, Some(label), self.clone(), key, peer.idle_timeout())))
    }

    /// Keeps a connection for its next request.
    pub(super) fn put(&self, stream: Stream, label: Arc<Label>, key: u64, idle: Option<Duration>) {
        let since = Instant::now();
        let until = idle.and_then(|idle| since.checked_add(idle));
        if let Some(shard) = self.0.shards.get(self.own()) {
            lock(shard).put(key, Connection { stream, label, since, until }, self.0.most);
        }
        if !self.0.is_swept.load(Ordering::Relaxed) && !self.0.is_swept.swap(true, Ordering::SeqCst) {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }

    fn own(&self) -> usize {
        WORKER.with(|worker| *worker) % self.0.shards.len().max(1)
    }
}

/// Lets go of those that were closed, or have waited for long enough, as long as there are any.
async fn sweep(idle: Weak<Inner>) {
    loop {
        tokio::time::sleep(IDLE_SWEPT).await;
        let Some(idle) = idle.upgrade() else { return };
        let sweep = |shard: &Shard| lock(shard).sweep(Instant::now());
        let left: usize = idle.shards.iter().map(sweep).sum();
        if left > 0 {
            continue;
        }
        idle.is_swept.store(false, Ordering::SeqCst);
        // One that was put here since the look at its shard has to be swept by somebody.
        let is_empty = idle.shards.iter().all(|shard| lock(shard).count == 0);
        if is_empty || idle.is_swept.swap(true, Ordering::SeqCst) {
            return;
        }
    }
}

impl Lying {
    fn take(&mut self, key: u64) -> Option<Connection> {
        let now = Instant::now();
        let connections = self.connections.get_mut(&key)?;
        while let Some(mut connection) = connections.pop() {
            self.count -= 1;
            if connection.is_usable(now) {
                return Some(connection);
            }
        }
        None
    }

    fn put(&mut self, key: u64, connection: Connection, most: usize) {
        if self.count >= most {
            self.let_one_go();
        }
        self.connections.entry(key).or_default().push(connection);
        self.count += 1;
    }

    /// The one that has been unused the longest.
    fn let_one_go(&mut self) {
        let of = |connections: &Vec<Connection>| connections.first().map(|first| first.since);
        let longest = self.connections.values_mut().filter(|connections| !connections.is_empty());
        if let Some(connections) = longest.min_by_key(|connections| of(connections)) {
            connections.remove(0);
            self.count -= 1;
        }
    }

    /// How many are left.
    fn sweep(&mut self, now: Instant) -> usize {
        self.connections.retain(|_, connections| {
            connections.retain_mut(|connection| connection.is_usable(now));
            !connections.is_empty()
        });
        self.count = self.connections.values().map(Vec::len).sum();
        self.count
    }
}

impl Connection {
    /// Whether its time is not up, and the endpoint has neither closed it nor said anything.
    fn is_usable(&mut self, now: Instant) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let is_late = self.until.is_some_and(|until| until <= now);
        !is_late
            && Pin::new(&mut self.stream)
                .poll_read(&mut Context::from_waker(Waker::noop()), &mut byte)
                .is_pending()
    }
}

fn lock(shard: &Shard) -> MutexGuard<'_, Lying> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// The number of this thread, in the order in which threads first came here.
    static WORKER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests;
