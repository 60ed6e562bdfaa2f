//! Which of two routes is more specific.

use std::cmp::Reverse;

use crate::condition::{Condition, HostPattern, PathPattern};
use crate::ids::RouteId;

/// How specific a route is, by the host and path pattern through which a
/// request fits it: the greater is chosen.
///
/// Later fields break ties of earlier ones, and no two routes are equal: the
/// order is derived, never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence {
    pub host: HostRank,
    pub path: PathRank,
    /// Whether a method is asked for.
    pub method: bool,
    /// How many conditions on headers there are.
    pub headers: usize,
    /// How many conditions on the query there are.
    pub query: usize,
    /// What was declared earlier is chosen.
    pub earlier: Reverse<RouteId>,
}

/// How specific a condition on the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostRank {
    /// None, or `*`.
    Any,
    /// `*.suffix` of this length.
    Suffix(usize),
    Exact,
}

/// How specific a condition on the path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathRank {
    /// `/prefix/*` of this length; 0 where it is `/*`, or there is none.
    Prefix(usize),
    Pattern,
    Exact,
}

impl Precedence {
    /// The precedence of a route that a request fits through these of its
    /// patterns: `None` where its condition has none.
    pub fn new(
        host: Option<&HostPattern>,
        path: Option<&PathPattern>,
        condition: &Condition,
        route: RouteId,
    ) -> Self {
        let host = match host {
            None | Some(HostPattern::Any) => HostRank::Any,
            Some(HostPattern::Suffix(suffix)) => HostRank::Suffix(suffix.len()),
            Some(HostPattern::Exact(_)) => HostRank::Exact,
        };
        let path = match path {
            None => PathRank::Prefix(0),
            Some(PathPattern::Prefix(prefix)) => PathRank::Prefix(prefix.len()),
            Some(PathPattern::Matches(_)) => PathRank::Pattern,
            Some(PathPattern::Exact(_)) => PathRank::Exact,
        };
        Self {
            host,
            path,
            method: !condition.methods.is_empty(),
            headers: condition.headers.len(),
            query: condition.query.len(),
            earlier: Reverse(route),
        }
    }

    pub fn route(&self) -> RouteId {
        self.earlier.0
    }
}
