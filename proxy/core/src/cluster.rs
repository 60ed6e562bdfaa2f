//! Who answers: the members of a cluster, and whom of them to ask.

mod rotation; // turns, by weight
mod slots; // who has which key
mod standing; // whether enough are left

use crate::address::Address;
use rotation::Rotation;
use slots::Slots;

pub use standing::panics;

/// One server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    /// Its share of the turns, against the weights of the others. 0 takes none.
    pub weight: u32,
}

/// How the endpoint to ask is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Balance {
    /// They take turns, by weight.
    #[default]
    RoundRobin,
    /// The less busy of two that are drawn by weight.
    LeastRequest,
    /// The same for the same key.
    Hash(Key),
    /// The one that a cookie of ours names; else they take turns.
    Sticky(Cookie),
}

/// What requests have in common that go to the same endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Client,
    Header(http::HeaderName),
    /// A cookie of the origin's.
    Cookie(Box<str>),
}

/// What an exchange knows of the members while it chooses one.
pub trait Members {
    /// Whether it may be asked.
    fn may_be_asked(&self, at: usize) -> bool;
    /// How many exchanges it is busy with.
    fn load(&self, at: usize) -> u32;
}

/// An address that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// A number that stands for its address, on every node and after every restart: see [`crate::hash`].
    pub identity: u64,
    /// Its share of the turns, against the weights of the others. 0 takes none.
    pub weight: u32,
}

/// A group of servers, any of which can answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    members: Box<[Member]>,
    rotation: Rotation,
    /// Where keys decide.
    slots: Option<Slots>,
}

impl Cluster {
    pub fn new(members: Vec<Member>, balance: &Balance) -> Self {
        let slots = matches!(balance, Balance::Hash(_)).then(|| Slots::new(&members));
        let rotation = Rotation::new(members.iter().map(|member| member.weight));
        Self { members: members.into(), rotation, slots }
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How many turns there are before they repeat.
    pub fn period(&self) -> usize {
        self.rotation.period()
    }

    /// Whose turn it is or, where that one may not be asked, the next who may. `turn` counts the picks from this
    /// cluster, from anywhere.
    pub fn in_turn(&self, turn: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        self.rotation.pick(turn, may)
    }

    /// The less busy of two that are drawn by weight: nearly as good as the least busy of all, and unlike that not
    /// everybody's choice at the same time (Mitzenmacher, 2001).
    pub fn less_busy(&self, draws: [u64; 2], known: &impl Members) -> Option<usize> {
        let [first, second] = draws;
        let one = self.rotation.pick(first, |at| known.may_be_asked(at))?;
        let Some(other) = self.rotation.pick(second, |at| at != one && known.may_be_asked(at)) else {
            return Some(one);
        };
        let weight = |at: usize| self.members.get(at).map_or(0, |member| u64::from(member.weight));
        let next = |at| u64::from(known.load(at)) + 1;
        // Their loads with one more, each for its weight.
        Some(if next(one) * weight(other) <= next(other) * weight(one) { one } else { other })
    }

    /// Who has this key or, where that one may not be asked, who would have it without those who may not.
    pub fn of_key(&self, key: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
        self.slots.as_ref()?.pick(&self.members, key, may)
    }

    /// Who is this.
    pub fn of_identity(&self, identity: u64) -> Option<usize> {
        self.members.iter().position(|member| member.identity == identity)
    }
}

/// What a cookie of ours is like that names an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    pub name: Box<str>,
    /// How long the client keeps it; `None` for as long as its browser runs.
    pub max_age: Option<std::time::Duration>,
}

#[cfg(test)]
mod tests;
