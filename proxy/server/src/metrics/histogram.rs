//! How often something took how long: counted without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

use super::Shares;

/// Durations, sorted into buckets.
///
/// prometheus-client's own histogram takes a lock for each observation; an
/// exchange through four filters makes eight.
#[derive(Debug)]
pub(crate) struct Histogram {
    scale: &'static Scale,
    shares: Shares<Share>,
}

/// What one worker has observed.
#[derive(Debug, Default)]
struct Share {
    nanoseconds: AtomicU64,
    /// One for each bound, and one for what is above the last.
    counts: [AtomicU64; BUCKETS],
}

/// The upper bounds of the buckets, ascending, in microseconds.
pub(crate) type Scale = [u32];

/// Of an exchange: from an answer of our own to a client on a slow line.
pub(crate) const EXCHANGE: &Scale = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Of a call into a guest: from an empty call to the longest deadline.
pub(crate) const CALL: &Scale =
    &[1, 2, 5, 10, 20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// The most buckets of a scale.
const BUCKETS: usize = 18;

impl Histogram {
    pub(crate) fn new(scale: &'static Scale) -> Self {
        debug_assert!(scale.len() < BUCKETS);
        Self { scale, shares: Shares::default() }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let micros = took.as_micros();
        let bucket = self.scale.partition_point(|bound| u128::from(*bound) < micros);
        let Some(share) = self.shares.own() else { return };
        if let Some(count) = share.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // 584 years of it until this wraps.
        share.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether nothing has been observed yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.shares.all().next().is_none()
    }

    pub(crate) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let (counts, took) = self.added();
        let bounds = self.scale.iter().map(|bound| f64::from(*bound) / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(took.as_secs_f64(), count, &buckets, None)
    }

    /// All shares together.
    fn added(&self) -> ([u64; BUCKETS], Duration) {
        let (mut counts, mut nanoseconds) = ([0; BUCKETS], 0_u64);
        for share in self.shares.all() {
            for (sum, count) in counts.iter_mut().zip(&share.counts) {
                *sum += count.load(Ordering::Relaxed);
            }
            nanoseconds = nanoseconds.wrapping_add(share.nanoseconds.load(Ordering::Relaxed));
        }
        (counts, Duration::from_nanos(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_at_the_first_bound_that_holds_it() {
        let histogram = Histogram::new(&[10, 20]);
        for micros in [0, 10, 11, 20, 21, 1_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        assert_eq!(histogram.added(), (counted([2, 2, 2]), Duration::from_nanos(1_000_062_000)));
    }

    #[test]
    fn what_workers_observe_is_added_up() {
        let histogram = Histogram::new(CALL);
        assert!(histogram.is_empty());
        std::thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| (0..1000).for_each(|_| histogram.observe(Duration::from_micros(2))));
            }
        });
        assert!(!histogram.is_empty());
        assert_eq!(histogram.added(), (counted([0, 5000, 0]), Duration::from_millis(10)));
    }

    #[test]
    fn every_scale_has_its_buckets() {
        for scale in [EXCHANGE, CALL] {
            assert!(scale.len() < BUCKETS && scale.is_sorted());
        }
    }

    fn counted(first: [u64; 3]) -> [u64; BUCKETS] {
        let mut counts = [0; BUCKETS];
        counts[..3].copy_from_slice(&first);
        counts
    }
}
