//! The members of a cluster, as a generation has them: every address of every endpoint.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use edgeloom_core::address::Address;
use edgeloom_core::cluster::{self, Balance, panics};
use pingora_core::upstreams::peer::HttpPeer;

use super::endpoint::Endpoint;
use super::peer::{At, Reach};
use super::tls::Tls;
use super::{Plan, Upstream};

/// Everybody who can be asked, as of one moment.
pub(crate) struct Members {
    pub(crate) choice: cluster::Cluster,
    list: Box<[Member]>,
}

/// An address that can be asked.
pub(crate) struct Member {
    /// As the operator wrote it.
    pub(crate) address: Address,
    pub(crate) endpoint: Arc<Endpoint>,
    /// What Pingora wants to know of it; cloned for each exchange.
    pub(crate) peer: HttpPeer,
    /// How hands are shaken with it, where there is TLS.
    pub(super) tls: Option<Arc<Tls>>,
}

/// Who is a member, and who becomes one when names are looked up.
pub(crate) struct Roster {
    written: Box<[cluster::Endpoint]>,
    reach: Reach,
    plan: Arc<Plan>,
    upstream: Arc<Upstream>,
    /// The addresses of the endpoints that are names, by position.
    found: Mutex<HashMap<usize, Vec<SocketAddr>>>,
    current: Current,
}

enum Current {
    /// Nothing is looked up, and nothing ever changes.
    Fixed(Members),
    Found(ArcSwap<Members>),
}

impl Roster {
    pub(crate) fn new(
        written: Vec<cluster::Endpoint>,
        reach: Reach,
        plan: Arc<Plan>,
        upstream: Arc<Upstream>,
    ) -> Self {
        let has_names = written.iter().any(|endpoint| endpoint.address.name().is_some());
        let nobody =
            Members { choice: cluster::Cluster::new(Vec::new(), &Balance::RoundRobin), list: Box::default() };
        let mut roster = Self {
            written: written.into(),
            reach,
            plan,
            upstream,
            found: Mutex::default(),
            current: Current::Fixed(nobody),
        };
        let members = roster.members(&HashMap::new());
        roster.current = match has_names {
            true => Current::Found(ArcSwap::from_pointee(members)),
            false => Current::Fixed(members),
        };
        roster
    }

    /// The members, where they are always the same.
    pub(crate) fn fixed(&self) -> Option<&Members> {
        match &self.current {
            Current::Fixed(members) => Some(members),
            Current::Found(_) => None,
        }
    }

    /// The members of this moment, where they change.
    pub(crate) fn found(&self) -> Option<Arc<Members>> {
        match &self.current {
            Current::Fixed(_) => None,
            Current::Found(members) => Some(members.load_full()),
        }
    }

    /// Calls this with the members of this moment.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Members) -> T) -> T {
        match &self.current {
            Current::Fixed(members) => look(members),
            Current::Found(members) => look(&members.load()),
        }
    }

    /// The endpoints whose names are to be looked up: their positions, names and ports.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str, u16)> {
        let endpoints = self.written.iter().enumerate();
        endpoints.filter_map(|(at, endpoint)| endpoint.address.name().map(|(name, port)| (at, name, port)))
    }

    /// The endpoint at this position is at these addresses from now on. What is known of those that stay is kept.
    pub(crate) fn set_addresses(&self, endpoint: usize, addresses: Vec<SocketAddr>) {
        let Current::Found(current) = &self.current else { return };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(endpoint, addresses);
        current.store(Arc::new(self.members(&found)));
        drop(found);
        self.upstream.supervise(self);
    }

    /// How they are reached.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    fn members(&self, found: &HashMap<usize, Vec<SocketAddr>>) -> Members {
        let mut list = Vec::new();
        let mut weights = Vec::new();
        for (position, written) in self.written.iter().enumerate() {
            let found = found.get(&position).into_iter().flatten().map(|address| At::Ip(*address));
            for at in At::of(&written.address).into_iter().chain(found) {
                let tls = self.reach.tls_at(&written.address, &at);
                // Without one that should be there, it would be spoken to in the clear.
                if tls.is_some() != self.reach.tls() {
                    continue;
                }
                let Some(peer) = self.reach.peer(&written.address, &at, tls.as_ref()) else { continue };
                let endpoint = self.upstream.endpoint(at);
                weights.push(cluster::Member { identity: endpoint.identity, weight: written.weight });
                list.push(Member { address: written.address.clone(), endpoint, peer: self.timed(peer), tls });
            }
        }
        self.plan.forget_what_nobody_asks(&list);
        Members { choice: cluster::Cluster::new(weights, &self.plan.balance), list: list.into() }
    }

    /// Until the first byte, Pingora knows no other bound than that between two reads.
    fn timed(&self, mut peer: HttpPeer) -> HttpPeer {
        let first_byte = self.plan.timeouts.first_byte;
        peer.options.read_timeout = peer.options.read_timeout.max(first_byte);
        peer
    }
}

impl Members {
    pub(crate) fn get(&self, position: usize) -> Option<&Member> {
        self.list.get(position)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.list.iter()
    }

    /// How many of how many are ejected.
    pub(crate) fn ejected(&self) -> (usize, usize) {
        (self.list.iter().filter(|member| member.endpoint.is_ejected()).count(), self.list.len())
    }

    /// Whether so few are left that all are to be asked.
    pub(crate) fn panics(&self) -> bool {
        panics(self.list.iter().filter(|member| member.endpoint.may_be_asked()).count(), self.list.len())
    }
}

impl Plan {
    /// What was thought of endpoints under other rules does not outlive the rules.
    fn forget_what_nobody_asks(&self, members: &[Member]) {
        for member in members {
            if self.health.is_none() {
                member.endpoint.presume_well();
            }
            if self.eject.is_none() {
                member.endpoint.readmit();
            }
        }
    }
}
