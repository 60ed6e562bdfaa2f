//! Everything built from one accepted configuration: immutable, numbered, published by one store.

mod build; // from a configuration to a generation
mod answers; // what it has the edge say
mod refused; // why it is none
mod keep; // one attempt after the other
mod drain; // the end of generations
mod watch; // files that change

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;
use edgeloom_config::Limits;
use edgeloom_core::client::Trust;
use edgeloom_core::compress::Compression;
use edgeloom_core::condition::Condition;
use edgeloom_core::digest::Digest;
use edgeloom_core::forward::Forwarding;
use edgeloom_core::ids::{ClusterId, FilterId, RouteId};
use edgeloom_core::page::Pages;
use edgeloom_core::route::RouteTable;
use edgeloom_host::{Filter, Phases};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

pub(crate) use answers::{RouteAnswer, Says};
pub(crate) use build::{Attempt, Builder, Draft, Reading};
pub(crate) use drain::{Obituary, bury, ended};
pub(crate) use keep::{Keeper, Trigger, listeners};
pub(crate) use refused::sentence;
pub(crate) use watch::{Seen, watch as watch_files};

use crate::listen::tls::{Certificate, Tls};
use crate::metrics::{Apart, FilterMetrics, RouteMetrics, shares, worker};
use crate::upstreams::credentials::Credentials;
use crate::upstreams::names::{Follower, Names};
use crate::upstreams::{Plan, Roster, Upstream, Upstreams};

/// What one exchange sees, from its first byte to its log line.
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// Of the configuration as it is meant: comments and order of keys do not count.
    pub(crate) digest: Digest,
    pub(crate) time: Timestamp,
    pub(crate) born: Instant,
    pub(crate) table: RouteTable,
    routes: Box<[Route]>,
    clusters: Box<[Cluster]>,
    pub(crate) filters: Box<[Loaded]>,
    /// By the position of the listener.
    entrances: Box<[Entrance]>,
    nobody: Entrance,
    /// What is said where something failed.
    pub(crate) pages: Pages,
    /// By the position of the listener; those that speak in the clear have none.
    tls: Box<[Option<Arc<Tls>>]>,
    /// What clients may take.
    pub(crate) limits: Limits,
    geo: Option<build::OpenGeo>,
    /// Of the clusters, by position, where they have TLS.
    credentials: Box<[Option<Credentials>]>,
    obituaries: UnboundedSender<Obituary>,
}

/// What of a listener changes with the generation.
#[derive(Clone, Default)]
pub(crate) struct Entrance {
    pub(crate) trust: Trust,
    pub(crate) forwarding: Forwarding,
    pub(crate) to_https: bool,
}

/// A route with everything that an exchange on it needs, looked up.
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) chain: Box<[Link]>,
    /// Who answers, unless a filter decides otherwise.
    pub(crate) target: Target,
    /// The largest body of a request.
    pub(crate) body: u64,
    pub(crate) compression: Option<Compression>,
    pub(crate) upgrades: edgeloom_config::Upgrades,
    /// Who is sent copies of its requests.
    pub(crate) mirror: Option<edgeloom_config::Mirror>,
    pub(crate) metrics: Arc<RouteMetrics>,
}

/// Who answers the requests of a route.
pub(crate) enum Target {
    Cluster(ClusterId),
    /// The edge itself.
    Answer(Box<RouteAnswer>),
}

/// A filter in a chain.
pub(crate) struct Link {
    pub(crate) filter: FilterId,
    pub(crate) when: Condition,
    /// There is no condition to be looked at.
    pub(crate) always: bool,
}

/// A filter that can be called.
pub(crate) struct Loaded {
    pub(crate) filter: Arc<Filter>,
    pub(crate) phases: Phases,
    pub(crate) metrics: Arc<FilterMetrics>,
    /// The name of its module, and its grants as the configuration writes them.
    pub(crate) module: Box<str>,
    pub(crate) grants: Box<[Box<str>]>,
}

/// Who can answer.
pub(crate) struct Cluster {
    pub(crate) name: Box<str>,
    pub(crate) roster: Roster,
    pub(crate) plan: Arc<Plan>,
    /// What is known of it, for longer than this generation.
    pub(crate) upstream: Arc<Upstream>,
}

impl Generation {
    pub(crate) fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(id.index())
    }

    pub(crate) fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.get(id.index())
    }

    pub(crate) fn filter(&self, id: FilterId) -> Option<&Loaded> {
        self.filters.get(id.index())
    }

    pub(crate) fn routes(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// Has the endpoints checked as this generation wants it. Called on the control runtime, once it is published.
    pub(crate) fn supervise(&self, upstreams: &Upstreams) {
        upstreams.supervise(self.clusters.iter().map(|cluster| (&cluster.upstream, &cluster.roster)));
    }

    pub(crate) fn tls(&self, listener: usize) -> Option<&Arc<Tls>> {
        self.tls.get(listener)?.as_ref()
    }

    /// Whether some listener speaks TLS in just this way.
    fn has_tls(&self, tls: &Arc<Tls>) -> bool {
        self.tls.iter().flatten().any(|own| Arc::ptr_eq(own, tls))
    }

    /// Every certificate that is shown.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.tls.iter().flatten().flat_map(|tls| tls.certificates())
    }

    pub(crate) fn entrance(&self, listener: usize) -> &Entrance {
        self.entrances.get(listener).unwrap_or(&self.nobody)
    }
}

impl Generation {
    /// Has the names of its endpoints looked up, for as long as it has exchanges. Called on the control runtime.
    pub(crate) fn follow(self: &Arc<Self>, names: &Arc<Names>) {
        for (cluster, roster) in self.clusters.iter().map(|cluster| &cluster.roster).enumerate() {
            for (endpoint, host, port) in roster.names() {
                let generation = Arc::downgrade(self);
                names.follow(host, Box::new(Following { generation, cluster, endpoint, port }));
            }
        }
    }
}

/// An endpoint that is a name.
struct Following {
    generation: Weak<Generation>,
    /// Its cluster, and itself in there, by position.
    cluster: usize,
    endpoint: usize,
    port: u16,
}

impl Follower for Following {
    fn is_there(&self) -> bool {
        self.generation.strong_count() > 0
    }

    fn tell(&self, addresses: &[IpAddr]) {
        let generation = self.generation.upgrade();
        if let Some(cluster) = generation.as_ref().and_then(|running| running.clusters.get(self.cluster)) {
            let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, self.port));
            cluster.roster.set_addresses(self.endpoint, addresses.collect());
        }
    }
}

impl Drop for Generation {
    /// The last exchange has ended, on a worker that has others to serve: what
    /// is dear to take down is taken down elsewhere.
    fn drop(&mut self) {
        let filters = std::mem::take(&mut self.filters);
        let geo = self.geo.take();
        // Nobody listens any more when the process ends.
        let _ = self.obituaries.send(Obituary { number: self.number, filters, geo });
    }
}

/// The running generation, and those before it that still have exchanges.
pub(crate) struct Generations {
    current: ArcSwap<Doors>,
    earlier: Mutex<Vec<Earlier>>,
}

/// The ways into a generation, one for each worker: they are counted with every exchange, and workers
/// that count on the same lines of memory wait for each other.
struct Doors {
    generation: Arc<Generation>,
    of_workers: Box<[Arc<Apart<Door>>]>,
}

struct Door {
    generation: Arc<Generation>,
    exchanges: AtomicUsize,
}

/// A generation that runs no more.
struct Earlier {
    number: u64,
    doors: Box<[Weak<Apart<Door>>]>,
}

/// A generation, held by one exchange.
pub(crate) struct Lease(Arc<Apart<Door>>);

/// A generation and how many exchanges it has.
pub(crate) struct Occupied {
    pub(crate) number: u64,
    pub(crate) exchanges: usize,
}

impl Generations {
    pub(crate) fn new(first: Arc<Generation>) -> Self {
        Self { current: ArcSwap::from_pointee(Doors::of(first)), earlier: Mutex::default() }
    }

    /// The running generation, for an exchange that begins: it asks no second time.
    pub(crate) fn begin(&self) -> Lease {
        let doors = self.current.load();
        let door = doors.of_workers.get(worker(doors.of_workers.len())).map(Arc::clone);
        // There is a door for each worker; if there were none, one of its own would do.
        let door = door.unwrap_or_else(|| Door::to(&doors.generation));
        door.0.exchanges.fetch_add(1, Ordering::AcqRel);
        Lease(door)
    }

    /// The running generation, for those who look at it.
    pub(crate) fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.current.load().generation)
    }

    /// Publishes the next generation: every exchange that begins from now on sees it.
    pub(crate) fn publish(&self, next: Arc<Generation>) {
        let old = self.current.swap(Arc::new(Doors::of(next)));
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.retain(|earlier| earlier.doors.iter().any(|door| door.strong_count() > 0));
        let doors = old.of_workers.iter().map(Arc::downgrade).collect();
        earlier.push(Earlier { number: old.generation.number, doors });
    }

    /// The earlier generations that still have exchanges, oldest first.
    pub(crate) fn draining(&self) -> Vec<Occupied> {
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let occupied = |earlier: &Earlier| Occupied {
            number: earlier.number,
            exchanges: earlier.doors.iter().filter_map(Weak::upgrade).map(|door| door.0.exchanges()).sum(),
        };
        earlier.iter().map(occupied).filter(|occupied| occupied.exchanges > 0).collect()
    }

    /// How many exchanges of the running generation have begun and not ended.
    pub(crate) fn running(&self) -> usize {
        self.current.load().of_workers.iter().map(|door| door.0.exchanges()).sum()
    }

    /// The same, of all generations.
    pub(crate) fn open(&self) -> usize {
        // Whatever is running and is replaced meanwhile is counted twice, and not forgotten.
        self.running() + self.draining().iter().map(|occupied| occupied.exchanges).sum::<usize>()
    }
}

impl Doors {
    fn of(generation: Arc<Generation>) -> Self {
        let of_workers = std::iter::repeat_with(|| Door::to(&generation)).take(shares()).collect();
        Self { generation, of_workers }
    }
}

impl Door {
    fn to(generation: &Arc<Generation>) -> Arc<Apart<Self>> {
        Arc::new(Apart(Self { generation: Arc::clone(generation), exchanges: AtomicUsize::new(0) }))
    }

    fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::Acquire)
    }
}

impl Deref for Lease {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.0.0.generation
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.0.exchanges.fetch_sub(1, Ordering::AcqRel);
    }
}
