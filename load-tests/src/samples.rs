//! What was found: raw, and as medians.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::study::Study;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Sample {
    pub(crate) study: Study,
    /// The contender's name.
    pub(crate) who: String,
    /// Where on the study's axis: filters, KiB of settings, workers, connections; 0 where it has none.
    pub(crate) at: usize,
    pub(crate) round: u32,
    pub(crate) figures: BTreeMap<Figure, f64>,
    /// What should not have happened, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) errors: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// Of the contender, in µs for each request.
    Cpu,
    Requests,
    PerSecond,
    /// In bytes.
    Memory,
    PeakMemory,
    /// From the start of the process to the first answer, in ms.
    FirstAnswer,
    /// From a changed file to the first answer by it, in ms.
    Swap,
    /// Generations that went live meanwhile.
    Generations,
    // Latencies, in ms.
    P50,
    P75,
    P90,
    P95,
    P99,
    P995,
    P999,
    P9999,
}

impl Figure {
    /// Those that are percentiles, by percent.
    pub(crate) const PERCENTILES: [(f64, Self); 8] = [
        (50.0, Self::P50),
        (75.0, Self::P75),
        (90.0, Self::P90),
        (95.0, Self::P95),
        (99.0, Self::P99),
        (99.5, Self::P995),
        (99.9, Self::P999),
        (99.99, Self::P9999),
    ];

    pub(crate) fn of_percent(percent: f64) -> Option<Self> {
        Self::PERCENTILES
            .into_iter()
            .find(|(known, _)| (known - percent).abs() < 1e-6)
            .map(|(_, figure)| figure)
    }
}

/// All of them.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Samples(Vec<Sample>);

/// A series at one place of its axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a>(pub(crate) &'a str, pub(crate) usize);

impl Samples {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Over the rounds; `None` where it was not measured.
    pub(crate) fn median(&self, study: Study, spot: Spot<'_>, figure: Figure) -> Option<f64> {
        let values: Vec<_> = self.rounds(study, spot, figure).into_values().collect();
        (!values.is_empty()).then(|| median(values.into_iter()))
    }

    /// Round by round, so that what slowed a whole round cancels out; the median of that.
    pub(crate) fn ratio(&self, study: Study, spot: Spot<'_>, to: Spot<'_>, figure: Figure) -> Option<f64> {
        let (own, other) = (self.rounds(study, spot, figure), self.rounds(study, to, figure));
        let ratios: Vec<_> = own.iter().filter_map(|(round, own)| Some(own / other.get(round)?)).collect();
        (!ratios.is_empty()).then(|| median(ratios.into_iter()))
    }

    /// Where on the axis a series was measured.
    pub(crate) fn places(&self, study: Study, who: &str) -> Vec<usize> {
        let own = self.0.iter().filter(|sample| sample.study == study && sample.who == who);
        let mut places: Vec<_> = own.map(|sample| sample.at).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The value of each round.
    pub(crate) fn rounds(&self, study: Study, spot: Spot<'_>, figure: Figure) -> BTreeMap<u32, f64> {
        let Spot(who, at) = spot;
        let own =
            self.0.iter().filter(|sample| sample.study == study && sample.who == who && sample.at == at);
        own.filter_map(|sample| Some((sample.round, *sample.figures.get(&figure)?))).collect()
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(half) } else { f64::midpoint(at(half.wrapping_sub(1)), at(half)) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Samples of a study, the same figure of each, round by round.
    pub(crate) fn samples(study: Study, figure: Figure, series: &[(&str, usize, &[f64])]) -> Samples {
        let mut samples = Samples::default();
        for (who, at, rounds) in series {
            for (round, value) in (1..).zip(*rounds) {
                let (who, at) = ((*who).to_owned(), *at);
                let figures = BTreeMap::from([(figure, *value)]);
                samples.add(Sample { study, who, at, round, figures, errors: BTreeMap::new() });
            }
        }
        samples
    }

    #[test]
    fn medians_do_not_follow_an_outlier() {
        assert_eq!(median([3.0, 1.0, 100.0].into_iter()), 3.0);
        assert_eq!(median([4.0, 2.0].into_iter()), 3.0);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let study = Study::Contenders;
        let samples = samples(
            study,
            Figure::Cpu,
            &[("empty", 0, &[40.0, 80.0, 41.0]), ("four", 0, &[80.0, 164.0, 82.0]), ("four", 1, &[1.0])],
        );
        let ratio = |other| samples.ratio(study, Spot("four", 0), Spot(other, 0), Figure::Cpu);
        assert_eq!((ratio("empty"), ratio("none")), (Some(2.0), None));
        assert_eq!(samples.median(study, Spot("four", 0), Figure::Cpu), Some(82.0));
        assert_eq!(samples.median(Study::Swaps, Spot("four", 0), Figure::Cpu), None);
        assert_eq!(samples.places(study, "four"), [0, 1]);
    }
}
