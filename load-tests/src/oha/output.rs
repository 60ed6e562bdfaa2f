//! What several oha report, as if it were one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Pace, Seen};

/// The part of its JSON that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

/// Those that asked as fast as they could. They are alike, so that the middle one's percentiles
/// stand for all: here they are time spent in a queue, and not what a visitor waits.
pub(super) fn of_closed(outputs: &[Vec<u8>]) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut percentiles: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for output in outputs {
        let report: Report = serde_json::from_slice(output).context("oha's report can not be read")?;
        seen.per_second += report.summary.requests_per_sec;
        for (status, count) in report.status_code_distribution {
            seen.requests += count;
            if status != "200" {
                *seen.errors.entry(format!("status {status}")).or_default() += count;
            }
        }
        for (error, count) in report.error_distribution {
            seen.requests += count;
            *seen.errors.entry(error).or_default() += count;
        }
        for (name, _) in NAMED {
            let seconds = report.latency_percentiles.get(name).copied().flatten();
            percentiles.entry(name).or_default().extend(seconds.map(|seconds| seconds * 1e3));
        }
    }
    let middle = |name| percentiles.get(name).map(|values| crate::samples::median(values.iter().copied()));
    seen.percentiles = NAMED.iter().filter_map(|(name, percent)| Some((*percent, middle(name)?))).collect();
    Ok(seen)
}

/// Those that asked at a fixed rate, of which each request is known.
pub(super) fn of_fixed(outputs: &[Vec<u8>], each: Pace, span: Duration) -> Result<Seen> {
    let Pace::Fixed(rate) = each else { bail!("no rate was fixed") };
    let mut seen = Seen::default();
    let mut latencies = Vec::new();
    // One more or less is the edge of the span.
    let due = u64::from(rate).saturating_mul(span.as_secs()).saturating_sub(1);
    for output in outputs {
        let before = seen.requests;
        for line in std::str::from_utf8(output).context("oha's lines are not text")?.lines().skip(1) {
            let (seconds, status) =
                read(line).with_context(|| format!("oha's line `{line}` can not be read"))?;
            seen.requests += 1;
            latencies.push(seconds * 1e3);
            if status != "200" {
                *seen.errors.entry(format!("status {status}")).or_default() += 1;
            }
        }
        // Only what was answered has a line.
        let missing = due.saturating_sub(seen.requests - before);
        if missing > 0 {
            seen.requests += missing;
            *seen.errors.entry("no answer".to_owned()).or_default() += missing;
        }
    }
    latencies.sort_by(f64::total_cmp);
    seen.percentiles =
        PERCENTS.iter().filter_map(|percent| Some((*percent, at(&latencies, *percent)?))).collect();
    #[expect(clippy::cast_precision_loss, reason = "nobody asks 2^53 times")]
    let answered = latencies.len() as f64;
    seen.per_second = answered / span.as_secs_f64();
    Ok(seen)
}

/// `request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status`, times in seconds.
fn read(line: &str) -> Option<(f64, &str)> {
    let mut fields = line.split(',').skip(4);
    let seconds = fields.next()?.parse().ok()?;
    let status = fields.nth(1)?;
    Some((seconds, status))
}

/// The smallest that so many percent are not above.
fn at(sorted: &[f64], percent: f64) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among what fits in memory"
    )]
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Those that are kept of a fixed rate.
const PERCENTS: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99];

/// Those that are kept of what oha has summed up itself.
const NAMED: [(&str, f64); 2] = [("p50", 50.0), ("p99", 99.0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_200_is_an_error() {
        let one = br#"{
            "summary": { "successRate": 1.0, "requestsPerSec": 1234.5 },
            "latencyPercentiles": { "p50": 0.001, "p99": 0.0025, "p99.9": null },
            "statusCodeDistribution": { "200": 90, "502": 7 },
            "errorDistribution": { "connection closed": 3 }
        }"#;
        let seen = of_closed(&[one.to_vec(), one.to_vec()]).unwrap();
        assert_eq!((seen.requests, seen.per_second), (200, 2469.0));
        assert_eq!(seen.percentiles, [(50.0, 1.0), (99.0, 2.5)]);
        let errors: Vec<_> = seen.errors.into_iter().collect();
        assert_eq!(errors, [("connection closed".to_owned(), 6), ("status 502".to_owned(), 14)]);
    }

    #[test]
    fn percentiles_of_all_are_those_of_one_crowd() {
        let csv = |milliseconds: &mut dyn Iterator<Item = u32>, status: u32| {
            let header =
                "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n".to_owned();
            milliseconds
                .fold(header, |text, ms| {
                    text + &format!("0.1,0,0,0.001,{},1024,{status}\n", f64::from(ms) / 1e3)
                })
                .into_bytes()
        };
        let outputs = [csv(&mut (1..=50), 200), csv(&mut (51..=100), 200)];
        let seen = of_fixed(&outputs, Pace::Fixed(50), Duration::from_secs(1)).unwrap();
        assert_eq!((seen.requests, seen.per_second, seen.errors.len()), (100, 100.0, 0));
        let rounded: Vec<_> = seen.percentiles.iter().map(|(percent, ms)| (*percent, ms.round())).collect();
        assert_eq!(rounded[..3], [(50.0, 50.0), (75.0, 75.0), (90.0, 90.0)]);
        assert_eq!(rounded[7], (99.99, 100.0));

        let outputs = [csv(&mut (1..=40), 200), csv(&mut (1..=50), 503)];
        let seen = of_fixed(&outputs, Pace::Fixed(50), Duration::from_secs(1)).unwrap();
        let errors: Vec<_> = seen.errors.into_iter().collect();
        assert_eq!(errors, [("no answer".to_owned(), 9), ("status 503".to_owned(), 50)]);
    }

    #[test]
    fn a_line_that_is_none_of_ohas_is_an_error() {
        let error = of_fixed(&[b"header\nnonsense\n".to_vec()], Pace::Fixed(1), Duration::from_secs(1));
        assert!(error.unwrap_err().to_string().contains("`nonsense`"));
    }
}
