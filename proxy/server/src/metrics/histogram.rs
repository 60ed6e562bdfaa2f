//! How often something took how long: counted without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Durations, sorted into buckets.
///
/// prometheus-client's own histogram takes a lock for each observation; an
/// exchange through four filters makes ten.
#[derive(Debug)]
pub(crate) struct Histogram {
    scale: &'static Scale,
    /// One for each bound, and one for what is above the last.
    counts: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
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

impl Histogram {
    pub(crate) fn new(scale: &'static Scale) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(scale.len() + 1).collect();
        Self { scale, counts, nanoseconds: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let micros = took.as_micros();
        let bucket = self.scale.partition_point(|bound| u128::from(*bound) < micros);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        // 584 years of it until this wraps.
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = self.scale.iter().map(|bound| f64::from(*bound) / 1e6).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
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
        let counts: Vec<_> = histogram.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [2, 2, 2]);
        assert_eq!(histogram.nanoseconds.load(Ordering::Relaxed), 1_000_062_000);
    }
}
