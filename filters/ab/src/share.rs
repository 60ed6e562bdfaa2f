//! Which part of all visitors gets which variant.

/// The visitors whose bucket is from `start` up to, but not, `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// A range for each weight, side by side, each filled from its start as far as the coverage goes:
/// so that raising the coverage brings visitors in and moves nobody.
///
/// As in GrowthBook, weights whose sum is within a hundredth of 1 are shares as they are; any others
/// are shares in proportion.
pub(crate) fn ranges(weights: &[f64], coverage: f64) -> Box<[Range]> {
    let total: f64 = weights.iter().sum();
    let whole = if (0.99..=1.01).contains(&total) { 1.0 } else { total };
    let mut next = 0.0;
    let range = |weight: &f64| {
        let (start, share) = (next, weight / whole);
        next += share;
        Range { start, end: start + coverage * share }
    };
    weights.iter().map(range).collect()
}

/// The range that this bucket is in.
pub(crate) fn choose(ranges: &[Range], bucket: f64) -> Option<usize> {
    ranges.iter().position(|range| (range.start..range.end).contains(&bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(weights: &[f64], coverage: f64, expected: &[(f64, f64)]) {
        let ranges = ranges(weights, coverage);
        assert_eq!(ranges.len(), expected.len());
        for (range, (start, end)) in ranges.iter().zip(expected) {
            assert!((range.start - start).abs() < 1e-9 && (range.end - end).abs() < 1e-9, "{ranges:?}");
        }
    }

    #[test]
    fn growthbooks_published_ranges_hold() {
        // The `getBucketRange` vectors of GrowthBook's `cases.json` whose weights we accept.
        check(&[0.5, 0.5], 1.0, &[(0.0, 0.5), (0.5, 1.0)]);
        check(&[0.5, 0.5], 0.5, &[(0.0, 0.25), (0.5, 0.75)]);
        check(&[0.5, 0.5], 0.0, &[(0.0, 0.0), (0.5, 0.5)]);
        check(&[0.25; 4], 1.0, &[(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]);
        check(&[0.4, 0.6], 1.0, &[(0.0, 0.4), (0.4, 1.0)]);
        check(&[0.2, 0.3, 0.5], 1.0, &[(0.0, 0.2), (0.2, 0.5), (0.5, 1.0)]);
        check(&[0.2, 0.3, 0.5], 0.2, &[(0.0, 0.04), (0.2, 0.26), (0.5, 0.6)]);
        check(&[0.4, 0.5999], 1.0, &[(0.0, 0.4), (0.4, 0.9999)]);
    }

    #[test]
    fn other_weights_are_proportions() {
        check(&[1.0, 1.0], 1.0, &[(0.0, 0.5), (0.5, 1.0)]);
        check(&[90.0, 0.0, 10.0], 1.0, &[(0.0, 0.9), (0.9, 0.9), (0.9, 1.0)]);
    }

    #[test]
    fn ranges_begin_inside_and_end_outside() {
        let even = ranges(&[0.5, 0.5], 1.0);
        for (bucket, chosen) in [(0.0, Some(0)), (0.4999, Some(0)), (0.5, Some(1)), (0.9999, Some(1))] {
            assert_eq!(choose(&even, bucket), chosen, "{bucket}");
        }
        let half = ranges(&[0.5, 0.5], 0.5);
        for (bucket, chosen) in [(0.2499, Some(0)), (0.25, None), (0.5, Some(1)), (0.75, None)] {
            assert_eq!(choose(&half, bucket), chosen, "{bucket}");
        }
        assert_eq!(choose(&ranges(&[1.0, 0.0], 1.0), 0.9999), Some(0));
    }

    #[test]
    fn raising_the_coverage_moves_nobody() {
        let (small, large) = (ranges(&[1.0, 2.0, 3.0], 0.1), ranges(&[1.0, 2.0, 3.0], 0.7));
        for step in 0..10_000 {
            let bucket = f64::from(step) / 10_000.0;
            if let Some(variant) = choose(&small, bucket) {
                assert_eq!(choose(&large, bucket), Some(variant), "{bucket}");
            }
        }
    }
}
