//! What they asked for: which route a request takes.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::condition::{Condition, HostPattern, PathPattern, Pattern, canonical, without_root};
use crate::head::RequestHead;
use crate::ids::RouteId;

pub use precedence::{HostRank, PathRank, Precedence};

mod precedence;
#[cfg(test)]
mod tests;

/// The routes of a generation, indexed so that a request looks at few of them.
///
/// The index follows [`Precedence`] field by field, so the first route found
/// to hold is the most specific: hosts are looked up exactly, then by ever
/// shorter suffixes; under each of these, paths exactly, then by pattern, then
/// by ever shorter prefixes; under each of these, the rest is tried in order.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// By `RouteId`.
    conditions: Vec<Condition>,
    exact: ByText<Paths>,
    suffixes: ByText<Paths>,
    /// The length of the longest suffix: however long a host, none longer is looked up.
    suffix_max: usize,
    any_host: Paths,
}

/// A stranger chooses what is looked up, but never what is in it: so it need not be hashed at a cost that keeps strangers
/// from filling it.
type ByText<T> = HashMap<Box<str>, T, FixedState>;

/// The routes under one host pattern. Lists of precedences are in falling order.
#[derive(Debug, Default)]
struct Paths {
    exact: ByText<Vec<Precedence>>,
    patterns: Vec<(Precedence, Pattern)>,
    prefixes: ByText<Vec<Precedence>>,
    /// The length of the longest prefix: however long a path, none longer is looked up.
    prefix_max: usize,
    any_path: Vec<Precedence>,
}

impl RouteTable {
    /// The condition at position `n` is that of `RouteId(n)`.
    pub fn new(conditions: Vec<Condition>) -> Self {
        let mut table = Self::default();
        for (id, condition) in (0..).map(RouteId).zip(&conditions) {
            for host in alternatives(&condition.hosts) {
                let paths = table.paths_under(host);
                for path in alternatives(&condition.paths) {
                    paths.insert(path, Precedence::new(host, path, condition, id));
                }
            }
        }
        table.suffix_max = table.suffixes.keys().map(|suffix| suffix.len()).max().unwrap_or(0);
        let named = table.exact.values_mut().chain(table.suffixes.values_mut());
        named.chain([&mut table.any_host]).for_each(Paths::seal);
        Self { conditions, ..table }
    }

    /// The most specific of the routes whose conditions hold.
    ///
    /// There is none for a path with a `.` or `..` segment: whether it lies
    /// behind a route that guards something is up to the origin.
    pub fn choose(&self, request: &RequestHead) -> Option<RouteId> {
        let path = canonical::path(request.path())?;
        let holds = |id: RouteId| {
            let condition = self.conditions.get(id.index());
            condition.is_some_and(|condition| condition.is_met_beyond_place(request))
        };
        self.paths_for(&request.host).find_map(|paths| paths.choose(&path, holds))
    }

    fn paths_under(&mut self, host: Option<&HostPattern>) -> &mut Paths {
        match host {
            None | Some(HostPattern::Any) => &mut self.any_host,
            Some(HostPattern::Suffix(suffix)) => self.suffixes.entry(suffix.clone()).or_default(),
            Some(HostPattern::Exact(exact)) => self.exact.entry(exact.clone()).or_default(),
        }
    }

    fn paths_for(&self, host: &str) -> impl Iterator<Item = &Paths> {
        let host = without_root(host);
        let dots = host.match_indices('.').map(|(at, _)| at);
        let dots = dots.filter(move |at| *at > 0 && host.len() - at <= self.suffix_max);
        let suffixes = dots.filter_map(move |at| self.suffixes.get(host.get(at..)?));
        self.exact.get(host).into_iter().chain(suffixes).chain([&self.any_host])
    }
}

impl Paths {
    fn insert(&mut self, path: Option<&PathPattern>, precedence: Precedence) {
        match path {
            None => self.any_path.push(precedence),
            Some(PathPattern::Prefix(prefix)) if prefix.is_empty() => {
                self.any_path.push(precedence);
            }
            Some(PathPattern::Prefix(prefix)) => {
                self.prefixes.entry(prefix.clone()).or_default().push(precedence);
            }
            Some(PathPattern::Matches(pattern)) => {
                self.patterns.push((precedence, pattern.clone()));
            }
            Some(PathPattern::Exact(exact)) => {
                self.exact.entry(exact.clone()).or_default().push(precedence);
            }
        }
    }

    fn seal(&mut self) {
        self.prefix_max = self.prefixes.keys().map(|prefix| prefix.len()).max().unwrap_or(0);
        let named = self.exact.values_mut().chain(self.prefixes.values_mut());
        for list in named.chain([&mut self.any_path]) {
            list.sort_unstable_by_key(|precedence| Reverse(*precedence));
        }
        self.patterns.sort_by_key(|(precedence, _)| Reverse(*precedence));
    }

    fn choose(&self, path: &str, holds: impl Fn(RouteId) -> bool) -> Option<RouteId> {
        let first = |list: &Vec<Precedence>| list.iter().map(Precedence::route).find(|id| holds(*id));
        let matching = |(precedence, pattern): &(Precedence, Pattern)| {
            Some(precedence.route()).filter(|id| holds(*id) && pattern.is_match(path))
        };
        (self.exact.get(path).and_then(first))
            .or_else(|| self.patterns.iter().find_map(matching))
            .or_else(|| self.prefixes_of(path).find_map(first))
            .or_else(|| first(&self.any_path))
    }

    /// The longest first.
    fn prefixes_of(&self, path: &str) -> impl Iterator<Item = &Vec<Precedence>> {
        let longest = path.get(..=self.prefix_max).map_or(Some(path), above);
        std::iter::successors(longest, |path| above(path)).filter_map(|path| self.prefixes.get(path))
    }
}

/// The path that this one lies directly below.
fn above(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(above, _)| above)
}

/// Each of what is asked for, or once `None` where nothing is.
fn alternatives<T>(asked: &[T]) -> impl Iterator<Item = Option<&T>> {
    let nothing = asked.is_empty().then_some(None);
    asked.iter().map(Some).chain(nothing)
}
