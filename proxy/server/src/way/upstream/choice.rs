//! Which endpoint is asked.

use std::cell::OnceCell;
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

use edgeloom_core::breaker::Verdict;
use edgeloom_core::cluster::{self, Balance, Cookie, Key};
use edgeloom_core::cookie;
use edgeloom_core::hash;
use edgeloom_core::ids::ClusterId;
use http::HeaderMap;
use http::header::COOKIE;

use crate::exchange::{Attempt, Exchange};
use crate::generation::Cluster;
use crate::rescue::Failure;
use crate::upstreams::Members;
use crate::upstreams::endpoint::Endpoint;

/// An endpoint that is to be asked.
pub(crate) struct Chosen {
    pub(super) cluster: ClusterId,
    /// Where members change; else the generation has them.
    pub(super) members: Option<Arc<Members>>,
    pub(super) position: usize,
    /// Whether a breaker has let the exchange through to see how things are.
    pub(super) probe: bool,
    /// Whether the client is to be told which one it is.
    pub(super) names: bool,
}

impl From<Attempt> for Chosen {
    fn from(attempt: Attempt) -> Self {
        let Attempt { cluster, members, position, probe, names, .. } = attempt;
        Self { cluster, members, position, probe, names }
    }
}

/// Chooses from the cluster that the request is for or, where nobody there can be asked, from those that it fails over
/// to, in order; but rather somebody unwell than nobody.
pub(super) fn choose(exchange: &mut Exchange, headers: &HeaderMap) -> Result<Chosen, Failure> {
    let turn = super::turn(exchange);
    let (own, cluster) = exchange.cluster().ok_or(Failure::NoEndpoint)?;
    let others = &cluster.plan.failover;
    let trust = if others.is_empty() { Trust::Most } else { Trust::All };
    let asking = Asking { exchange, headers, turn };
    let mut failure = None;
    for id in iter::once(own).chain(others.iter().copied()) {
        match asking.of(id, trust) {
            Ok(chosen) => {
                if id != own {
                    cluster.upstream.counts.failovers.add();
                }
                return Ok(chosen);
            }
            Err(why) => failure = failure.or(Some(why)),
        }
    }
    match failure {
        // It was full, or is left in peace: that is not for us to overrule.
        Some(why @ (Failure::Overloaded | Failure::BreakerOpen)) => {
            if why == Failure::Overloaded {
                cluster.upstream.counts.overloads.add();
            }
            Err(why)
        }
        Some(_) | None => asking.of(own, Trust::None),
    }
}

/// How much is given on what is thought of endpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    All,
    /// Nothing where hardly anybody would be left.
    Most,
    None,
}

struct Asking<'a> {
    exchange: &'a Exchange,
    headers: &'a HeaderMap,
    turn: u64,
}

impl Asking<'_> {
    fn of(&self, id: ClusterId, trust: Trust) -> Result<Chosen, Failure> {
        let cluster = self.exchange.generation.cluster(id).ok_or(Failure::NoEndpoint)?;
        let found = cluster.roster.found();
        let members = found.as_deref().or_else(|| cluster.roster.fixed()).ok_or(Failure::NoEndpoint)?;
        let most = cluster.plan.load.per_endpoint.unwrap_or(u32::MAX);
        let known = Known { exchange: self.exchange, members, most, trust, panics: OnceCell::new() };
        let (position, names) = self.position(cluster, &known).ok_or_else(|| known.why_nobody())?;
        if known.panics.get() == Some(&true) {
            cluster.upstream.counts.panics.add();
        }
        let said = cluster.plan.breaker.as_ref().and_then(|breaks| cluster.upstream.breaker_says(breaks));
        match said {
            Some(Verdict::Refused) => Err(Failure::BreakerOpen),
            said => Ok(Chosen { cluster: id, position, probe: said.is_some(), names, members: found }),
        }
    }

    /// The position of an endpoint, and whether the client is to be told.
    fn position(&self, cluster: &Cluster, known: &Known<'_>) -> Option<(usize, bool)> {
        let choice = &known.members.choice;
        let may = |at| cluster::Members::may_be_asked(known, at);
        let in_turn = || choice.in_turn(self.turn, may);
        let position = match &cluster.plan.balance {
            Balance::RoundRobin => in_turn(),
            Balance::LeastRequest => choice.less_busy([fastrand::u64(..), fastrand::u64(..)], known),
            Balance::Hash(key) => match self.key(key) {
                Some(key) => choice.of_key(key, may),
                None => in_turn(),
            },
            Balance::Sticky(cookie) => {
                let named = cookie_named(self.headers, &cookie.name).and_then(Cookie::identity);
                let named = named.and_then(|identity| choice.of_identity(identity)).filter(|at| may(*at));
                return match named {
                    Some(position) => Some((position, false)),
                    None => in_turn().map(|position| (position, true)),
                };
            }
        };
        position.map(|position| (position, false))
    }

    /// What the request has in common with others that go to the same endpoint.
    fn key(&self, key: &Key) -> Option<u64> {
        match key {
            Key::Client => Some(match self.exchange.subject.client.address {
                IpAddr::V4(address) => hash::of_bytes(&address.octets()),
                IpAddr::V6(address) => hash::of_bytes(&address.octets()),
            }),
            Key::Header(name) => self.headers.get(name).map(|value| hash::of_bytes(value.as_bytes())),
            Key::Cookie(name) => cookie_named(self.headers, name).map(hash::of_bytes),
        }
    }
}

fn cookie_named<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get_all(COOKIE).iter().find_map(|header| cookie::find(header.as_bytes(), name.as_bytes()))
}

/// The members of a cluster, as this exchange sees them.
struct Known<'a> {
    exchange: &'a Exchange,
    members: &'a Members,
    /// How many exchanges an endpoint may have.
    most: u32,
    trust: Trust,
    /// Whether hardly anybody is left: looked at when somebody is not to be asked, and not before.
    panics: OnceCell<bool>,
}

impl Known<'_> {
    fn panics(&self) -> bool {
        *self.panics.get_or_init(|| match self.trust {
            Trust::All => false,
            Trust::Most => self.members.panics(),
            Trust::None => true,
        })
    }

    fn was_tried(&self, endpoint: &Arc<Endpoint>) -> bool {
        let before = self.exchange.tried.iter().any(|tried| Arc::ptr_eq(&tried.endpoint, endpoint));
        let failed = self.exchange.attempt.as_ref().filter(|attempt| attempt.trouble.is_some());
        let last = failed.and_then(|attempt| attempt.member(&self.exchange.generation));
        before || last.is_some_and(|member| Arc::ptr_eq(&member.endpoint, endpoint))
    }

    fn why_nobody(&self) -> Failure {
        let full = self.members.iter().any(|member| member.endpoint.load() >= self.most);
        if full { Failure::Overloaded } else { Failure::NoEndpoint }
    }
}

impl cluster::Members for Known<'_> {
    fn may_be_asked(&self, at: usize) -> bool {
        let Some(member) = self.members.get(at) else { return false };
        let endpoint = &member.endpoint;
        (endpoint.may_be_asked() || self.panics())
            && !self.was_tried(endpoint)
            && (self.most == u32::MAX || endpoint.load() < self.most)
    }

    fn load(&self, at: usize) -> u32 {
        self.members.get(at).map_or(u32::MAX, |member| member.endpoint.load())
    }
}
