//! What was measured, held against what was promised.

use std::fmt;

use serde::Serialize;

use crate::contender::Contender;
use crate::peer::{Job, Peer};
use crate::samples::{Figure, Samples, Spot, median};
use crate::study::connections::Secure;
use crate::study::contenders::PINGORA;
use crate::study::{Study, contenders, filters, swaps, tenants, workers};

/// A promise, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bound {
    pub(crate) what: String,
    /// `None` where it was not measured.
    pub(crate) measured: Option<f64>,
    pub(crate) limit: Limit,
    pub(crate) unit: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

impl Bound {
    pub(crate) fn verdict(&self) -> Verdict {
        let Some(measured) = self.measured else { return Verdict::NotMeasured };
        let met = match self.limit {
            Limit::AtMost(most) => measured <= most,
            Limit::AtLeast(least) => measured >= least,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
        })
    }
}

/// All that is promised.
pub(crate) fn bounds(samples: &Samples) -> Vec<Bound> {
    let mut bounds = job(samples);
    bounds.extend(chain(samples));
    bounds.extend(rest(samples));
    bounds.extend(tenants(samples));
    bounds
}

/// A thousand tenants with ten filters each.
fn tenants(samples: &Samples) -> [Bound; 2] {
    let median = |who, figure| samples.median(Study::Tenants, Spot(who, 1000), figure);
    // The last that is done with them: the most that they have had at once, through starts, requests and swaps.
    let peak = median(tenants::COMMENT, Figure::PeakMemory).map(|bytes| bytes / MEBIBYTE);
    let start = median(tenants::WARM, Figure::FirstAnswer).map(|ms| ms / 1e3);
    [
        ("start to the first filtered answer of 1,000 tenants, from a warm cache", start, 5.0, "s"),
        ("the most memory of 1,000 tenants, through requests and swaps", peak, 2048.0, "MiB"),
    ]
    .map(|(what, measured, most, unit)| Bound {
        what: what.to_owned(),
        measured,
        limit: Limit::AtMost(most),
        unit,
    })
}

/// CPU for each request of the four-part job.
fn job(samples: &Samples) -> Vec<Bound> {
    let ours = [("fresh", Contender::FRESH), ("reuse", Contender::REUSE)];
    let mut bounds = Vec::new();
    let mut hold = |peer: Peer, job: Job, most: [f64; 2]| {
        for ((name, own), most) in ours.into_iter().zip(most) {
            let other = Contender::Peer(peer, job);
            bounds.push(Bound {
                what: format!("the job, {name}, against {}", other.title()),
                measured: cost_ratio(samples, own, other),
                limit: Limit::AtMost(most),
                unit: "×",
            });
        }
    };
    for contender in contenders::all() {
        if let Contender::Peer(peer, job) = contender {
            most_of(peer, job).into_iter().for_each(|most| hold(peer, job, most));
        }
    }
    bounds.push(Bound {
        what: "no filter, against stock bare Pingora".to_owned(),
        measured: cost_ratio(samples, Contender::EMPTY, PINGORA),
        limit: Limit::AtMost(0.95),
        unit: "×",
    });
    bounds
}

/// How many times a peer's cost ours may be, fresh and reused: of those that are compiled for the job, or
/// run their users' code.
fn most_of(peer: Peer, job: Job) -> Option<[f64; 2]> {
    match (peer, job) {
        (_, Job::Bare | Job::BareTuned) => None,
        // To be looked at: promised was what Pingora is by default.
        (_, Job::FourAlone) => None,
        (Peer::Pingora, _) => Some([1.25, 1.10]),
        (Peer::Envoy, Job::Four) => Some([0.60, 0.55]),
        (Peer::Envoy | Peer::Workerd, _) => Some([1.0, 1.0]),
        // LuaJIT, which isolates nobody from anybody.
        (Peer::Nginx, _) => Some([2.0, 2.0]),
        // Its maps are data.
        (Peer::Haproxy, _) => None,
    }
}

fn cost_ratio(samples: &Samples, own: Contender, other: Contender) -> Option<f64> {
    let (own, other) = (own.name(), other.name());
    samples.ratio(Study::Contenders, Spot(&own, 0), Spot(&other, 0), Figure::Cpu)
}

/// What one more filter costs, and what two workers give.
fn chain(samples: &Samples) -> Vec<Bound> {
    let small = |name: &str, who, most| Bound {
        what: format!("each further small filter, {name}, of what stock bare Pingora costs"),
        measured: each_further(samples, who),
        limit: Limit::AtMost(most),
        unit: "×",
    };
    let two = Bound {
        what: "two workers' throughput, of one worker's, where load and origin are not the limit".to_owned(),
        measured: samples.ratio(
            Study::Workers,
            Spot(workers::BURNING, 2),
            Spot(workers::BURNING, 1),
            Figure::PerSecond,
        ),
        limit: Limit::AtLeast(1.85),
        unit: "×",
    };
    vec![small("fresh", filters::FRESH, 0.10), small("reuse", filters::REUSE, 0.05), two]
}

/// From the shortest chain with filters to the longest, in parts of stock bare Pingora, round by round.
fn each_further(samples: &Samples, who: &str) -> Option<f64> {
    let places = samples.places(Study::Filters, who);
    let (first, last) = (*places.iter().find(|at| **at > 0)?, *places.last()?);
    let of = |who: &str, at| samples.rounds(Study::Filters, Spot(who, at), Figure::Cpu);
    let (short, long, bare) = (of(who, first), of(who, last), of(&PINGORA.name(), 0));
    let further = crate::measure::count((last - first).try_into().ok()?);
    let each =
        long.iter().filter_map(|(round, long)| Some((long - short.get(round)?) / further / bare.get(round)?));
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| median(each.into_iter()))
}

/// Starting, lying idle, swapping.
fn rest(samples: &Samples) -> Vec<Bound> {
    let fresh = Contender::FRESH.name();
    let start = samples.median(Study::Start, Spot(&fresh, 0), Figure::FirstAnswer);
    let envoy = Contender::Peer(Peer::Envoy, Job::Four).name();
    let start_ratio = samples.ratio(Study::Start, Spot(&fresh, 0), Spot(&envoy, 0), Figure::FirstAnswer);
    let idle = samples.median(Study::Idle, Spot(&fresh, 0), Figure::Memory);
    let at_most = |what: &str, measured, most, unit| Bound {
        what: what.to_owned(),
        measured,
        limit: Limit::AtMost(most),
        unit,
    };
    let secure =
        |what, series: Secure, most| at_most(what, per_connection(samples, series.name()), most, "KiB");
    vec![
        at_most("start to the first filtered answer, from a warm cache", start, 100.0, "ms"),
        at_most("the same, of Envoy's with four filters", start_ratio, 0.5, "×"),
        at_most(
            "memory of four filters, idle, without the geo database",
            idle.map(|bytes| bytes / MEBIBYTE),
            60.0,
            "MiB",
        ),
        at_most("an idle connection", per_connection(samples, &fresh), 12.0, "KiB"),
        secure("an idle connection over TLS", Secure::Http1, 40.0),
        // 28 of them are buffers of the h2 crate, which no setting of it makes smaller.
        secure("an idle connection of HTTP/2 over TLS", Secure::Http2, 64.0),
        at_most(
            "p99.9 through a swap storm, of the quiet one",
            samples.ratio(Study::Swaps, Spot(swaps::STORM, 0), Spot(swaps::QUIET, 0), Figure::P999),
            2.0,
            "×",
        ),
    ]
}

/// In KiB, from none to as many as were held.
pub(crate) fn per_connection(samples: &Samples, who: &str) -> Option<f64> {
    let most = *samples.places(Study::Connections, who).last().filter(|most| **most > 0)?;
    let memory = |at| samples.median(Study::Connections, Spot(who, at), Figure::Memory);
    Some((memory(most)? - memory(0)?) / crate::measure::count(most.try_into().ok()?) / 1024.0)
}

pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::samples;

    fn find<'b>(bounds: &'b [Bound], what: &str) -> &'b Bound {
        bounds.iter().find(|bound| bound.what.contains(what)).unwrap()
    }

    #[test]
    fn a_bound_is_met_missed_or_not_measured() {
        let study = Study::Contenders;
        let measured = |ours: &[f64]| {
            let pingora = PINGORA.name();
            let series: &[(&str, usize, &[f64])] =
                &[("edgeloom empty", 0, ours), (&pingora, 0, &[40.0, 50.0, 40.0])];
            let bounds = bounds(&samples(study, Figure::Cpu, series));
            let bound = find(&bounds, "no filter");
            (bound.measured, bound.verdict())
        };
        assert_eq!(measured(&[36.0, 45.0, 80.0]), (Some(0.9), Verdict::Met));
        assert_eq!(measured(&[40.0, 80.0, 40.0]), (Some(1.0), Verdict::Missed));
        assert_eq!(measured(&[]), (None, Verdict::NotMeasured));
        let least =
            Bound { what: String::new(), measured: Some(1.8), limit: Limit::AtLeast(1.85), unit: "×" };
        assert_eq!(least.verdict(), Verdict::Missed);
    }

    #[test]
    fn a_further_filter_costs_what_the_longest_chain_costs_more() {
        let pingora = PINGORA.name();
        let series: &[(&str, usize, &[f64])] = &[
            (filters::FRESH, 0, &[30.0]),
            (filters::FRESH, 1, &[40.0]),
            (filters::FRESH, 16, &[100.0]),
            (&pingora, 0, &[40.0]),
        ];
        let bounds = bounds(&samples(Study::Filters, Figure::Cpu, series));
        assert_eq!(find(&bounds, "filter, fresh").measured, Some(0.1));
        assert_eq!(find(&bounds, "filter, reuse").measured, None);
    }

    #[test]
    fn a_thousand_tenants_are_held_against_seconds_and_mebibytes() {
        let of = |figure, who, value| {
            let bounds =
                bounds(&samples(Study::Tenants, figure, &[(who, 10, &[1.0]), (who, 1000, &[value])]));
            let what = if figure == Figure::FirstAnswer { "answer of 1,000" } else { "memory of 1,000" };
            find(&bounds, what).verdict()
        };
        assert_eq!(of(Figure::FirstAnswer, tenants::WARM, 4_999.0), Verdict::Met);
        assert_eq!(of(Figure::FirstAnswer, tenants::WARM, 5_001.0), Verdict::Missed);
        assert_eq!(of(Figure::FirstAnswer, tenants::COLD, 1.0), Verdict::NotMeasured);
        assert_eq!(of(Figure::PeakMemory, tenants::COMMENT, 2e9), Verdict::Met);
        assert_eq!(of(Figure::PeakMemory, tenants::COMMENT, 2.2e9), Verdict::Missed);
    }

    #[test]
    fn a_connection_costs_what_many_cost_more_than_none() {
        let fresh = Contender::FRESH.name();
        let series: &[(&str, usize, &[f64])] =
            &[(&fresh, 0, &[1e7]), (&fresh, 1000, &[1e7 + 1024.0 * 9000.0])];
        let bounds = bounds(&samples(Study::Connections, Figure::Memory, series));
        assert_eq!(find(&bounds, "an idle connection").measured, Some(9.0));
    }
}
