//! Many measurements of a scenario as one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::round::{Measured, Swapped};
use crate::scenario::Scenario;

/// The medians of a scenario; errors and swaps added up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) scenario: &'static str,
    #[serde(skip)]
    pub(crate) title: &'static str,
    pub(crate) requests: u64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) cpu_us_per_request: f64,
    /// Against the empty chain, round by round.
    pub(crate) cpu_ratio: Option<f64>,
    /// The most of any round.
    pub(crate) peak_memory_bytes: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    /// What filters did wrong, as the edge counts it.
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) swapped: Option<Swapped>,
}

impl Summary {
    /// `empty` are the measurements of the empty chain, if it was measured.
    pub(crate) fn of(scenario: Scenario, rounds: &[Measured], empty: Option<&[Measured]>) -> Self {
        let median_of = |pick: fn(&Measured) -> f64| median(rounds.iter().map(pick));
        // Round by round: what slowed a whole round cancels out.
        let ratios = empty
            .map(|empty| rounds.iter().zip(empty).map(|(own, empty)| micros(own.cpu) / micros(empty.cpu)));
        Self {
            scenario: scenario.name(),
            title: scenario.title(),
            requests: rounds.iter().map(|round| round.seen.requests).sum(),
            requests_per_second: median_of(|round| round.seen.per_second),
            p50_ms: median_of(|round| round.seen.p50_ms),
            p99_ms: median_of(|round| round.seen.p99_ms),
            cpu_us_per_request: median_of(|round| micros(round.cpu)),
            cpu_ratio: ratios.map(median),
            peak_memory_bytes: rounds.iter().map(|round| round.peak_memory).max().unwrap_or_default(),
            errors: added(rounds.iter().flat_map(|round| &round.seen.errors)),
            faults: added(rounds.iter().flat_map(|round| &round.faults)),
            swapped: rounds.iter().filter_map(|round| round.swapped).reduce(|one, other| Swapped {
                edits: one.edits + other.edits,
                replacements: one.replacements + other.replacements,
                generations: one.generations + other.generations,
            }),
        }
    }
}

fn added<'c>(counts: impl Iterator<Item = (&'c String, &'c u64)>) -> BTreeMap<String, u64> {
    counts.fold(BTreeMap::new(), |mut sums, (what, count)| {
        *sums.entry(what.clone()).or_default() += count;
        sums
    })
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.wrapping_sub(1)), at(half)) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::oha::Seen;

    pub(crate) fn measured(per_second: f64, cpu_us: u64, errors: &[(&str, u64)]) -> Measured {
        let errors = errors.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
        Measured {
            seen: Seen { requests: 100, per_second, p50_ms: 1.0, p99_ms: 2.0, errors },
            cpu: Duration::from_micros(cpu_us),
            peak_memory: cpu_us << 20,
            faults: BTreeMap::new(),
            swapped: None,
        }
    }

    #[test]
    fn medians_do_not_follow_an_outlier() {
        assert_eq!(median([3.0, 1.0, 100.0].into_iter()), 3.0);
        assert_eq!(median([4.0, 2.0].into_iter()), 3.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn ratios_are_of_the_same_round_and_errors_add_up() {
        let empty = [measured(1000.0, 40, &[]), measured(500.0, 80, &[]), measured(990.0, 41, &[])];
        let four = [
            measured(500.0, 80, &[("a", 1)]),
            measured(260.0, 164, &[("a", 2), ("b", 1)]),
            measured(490.0, 82, &[]),
        ];
        let summary = Summary::of(Scenario::Fresh, &four, Some(&empty));
        assert_eq!((summary.requests, summary.requests_per_second), (300, 490.0));
        assert_eq!((summary.cpu_us_per_request, summary.cpu_ratio), (82.0, Some(2.0)));
        assert_eq!(summary.errors, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 1)]));
        assert_eq!(summary.peak_memory_bytes, 164 << 20);
        assert_eq!(Summary::of(Scenario::Empty, &empty, None).cpu_ratio, None);
    }
}
