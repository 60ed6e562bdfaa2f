//! One experiment: its variants, who takes part, and which variant falls to whom.

use edgeloom_sdk::when::{Condition, Seed};
use edgeloom_sdk::{HeaderName, Settings};

use crate::share::{self, Range};

/// An experiment, ready to be drawn from.
#[derive(Debug, Settings)]
#[settings(from = Written)]
pub(crate) struct Experiment {
    pub(crate) name: Box<str>,
    pub(crate) variants: Box<[Box<str>]>,
    pub(crate) when: Condition,
    pub(crate) seed: Seed,
    /// The request header that carries the variant.
    pub(crate) header: HeaderName,
    /// The fact that carries it: `ab.` and the name.
    pub(crate) fact: Box<str>,
    ranges: Box<[Range]>,
}

impl Experiment {
    /// The variant for a visitor who falls here; none past the coverage.
    pub(crate) fn draw(&self, bucket: f64) -> Option<usize> {
        share::choose(&self.ranges, bucket)
    }
}

/// An experiment, as the operator writes it.
#[derive(Settings)]
struct Written {
    name: String,
    variants: Vec<Variant>,
    seed: Option<String>,
    #[settings(default = 1.0)]
    coverage: f64,
    header: Option<HeaderName>,
    #[settings(default)]
    when: Condition,
}

#[derive(Settings)]
struct Variant {
    name: String,
    #[settings(default = 1.0)]
    weight: f64,
}

impl TryFrom<Written> for Experiment {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, variants, seed, coverage, header, when } = written;
        check_name(&name)?;
        for (index, variant) in variants.iter().enumerate() {
            check_name(&variant.name)?;
            if variants.iter().take(index).any(|earlier| earlier.name == variant.name) {
                return Err(["variant `", &variant.name, "` is there twice"].concat());
            }
        }
        if variants.is_empty() || variants.len() > VARIANTS_MAX {
            return Err("an experiment has from 1 to 32 variants".into());
        }
        let weights: Vec<f64> = variants.iter().map(|variant| variant.weight).collect();
        if !weights.iter().all(|weight| (0.0..=1e6).contains(weight)) || weights.iter().sum::<f64>() <= 0.0 {
            return Err("weights are from 0 to 1000000, and not all of them 0".into());
        }
        if !(0.0..=1.0).contains(&coverage) {
            return Err("the coverage is from 0 (nobody new) to 1 (everybody)".into());
        }
        let header = match header {
            Some(header) => header,
            None => HeaderName::new("x-ab-".to_owned() + &name).map_err(|illegal| illegal.to_string())?,
        };
        if header.is_reserved() {
            return Err(["the proxy keeps `", &header, "` to itself"].concat());
        }
        Ok(Self {
            seed: Seed::new(seed.as_deref().unwrap_or(&name)),
            fact: ("ab.".to_owned() + &name).into(),
            name: name.into(),
            variants: variants.into_iter().map(|variant| variant.name.into()).collect(),
            when,
            header,
            ranges: share::ranges(&weights, coverage),
        })
    }
}

/// A name is all that a cookie, a header, a fact and a URL can carry as it is.
fn check_name(name: &str) -> Result<(), String> {
    let legal = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=32).contains(&name.len()) && name.bytes().all(legal) {
        Ok(())
    } else {
        Err(["`", name, "` is no name: write up to 32 of a-z, 0-9, - and _"].concat())
    }
}

const VARIANTS_MAX: usize = 32;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An experiment of this name, with these variants in equal parts.
    pub(crate) fn experiment(name: &str, variants: &[&str]) -> Experiment {
        let variants: Vec<String> = variants.iter().map(|name| format!("{{ name: {name} }}")).collect();
        Experiment::from_yaml(&format!("{{ name: {name}, variants: [{}] }}", variants.join(", "))).unwrap()
    }

    #[test]
    fn growthbook_draws_the_same() {
        // Experiments of `cases.json`: seed, visitor, weights, and the variation expected.
        let draw = |seed: &str, visitor: &str, weights: &[f64]| {
            let variants: Vec<String> = weights
                .iter()
                .enumerate()
                .map(|(at, weight)| format!("{{ name: v{at}, weight: {weight} }}"))
                .collect();
            let experiment = format!("{{ name: any, seed: {seed}, variants: [{}] }}", variants.join(", "));
            let experiment = Experiment::from_yaml(&experiment).unwrap();
            experiment.draw(experiment.seed.bucket(visitor.as_bytes()))
        };
        assert_eq!(draw("feature", "123", &[0.1, 0.9]), Some(1));
        assert_eq!(draw("experiment", "1", &[0.5, 0.5]), Some(0));
        assert_eq!(draw("feature-exp", "d123", &[0.3334, 0.3333, 0.3333]), Some(1));
        assert_eq!(draw("feature-exp", "i123", &[0.3334, 0.3333, 0.3333]), Some(2));
    }

    #[test]
    fn mistakes_are_told() {
        for (wrong, told) in [
            (
                "{ name: Checkout, variants: [{ name: a }] }",
                "`Checkout` is no name: write up to 32 of a-z, 0-9, - and _",
            ),
            (
                "{ name: x, variants: [{ name: a.b }] }",
                "`a.b` is no name: write up to 32 of a-z, 0-9, - and _",
            ),
            ("{ name: x, variants: [{ name: a }, { name: a }] }", "variant `a` is there twice"),
            ("{ name: x, variants: [] }", "an experiment has from 1 to 32 variants"),
            (
                "{ name: x, variants: [{ name: a, weight: 0 }] }",
                "weights are from 0 to 1000000, and not all of them 0",
            ),
            (
                "{ name: x, variants: [{ name: a, weight: -1 }] }",
                "weights are from 0 to 1000000, and not all of them 0",
            ),
            (
                "{ name: x, coverage: 10, variants: [{ name: a }] }",
                "the coverage is from 0 (nobody new) to 1 (everybody)",
            ),
            (
                "{ name: x, variants: [{ nam: a }] }",
                "`variants[0].nam`: no such setting; did you mean `name`?",
            ),
        ] {
            assert_eq!(Experiment::from_yaml(wrong).unwrap_err().to_string(), told);
        }
    }
}
