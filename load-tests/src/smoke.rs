//! Whether the edge has become much slower: a subset of the bench, with loose bounds, and its own test.

use std::io::Write as _;

use anyhow::{Result, ensure};
use clap::Args;

use crate::contender::Contender;
use crate::ground::{Bench, Extent, Tools};
use crate::measure::{How, measure};
use crate::peer::Programs;
use crate::samples::{Figure, Samples, Spot};
use crate::setup::{Filters, Instances, Setup};
use crate::study::contenders::PINGORA;
use crate::study::{Entry, Run, Study};

/// Measures the edge against stock bare Pingora, with loose bounds on the ratios
///
/// Then it does so once more with an edge that is made slower on purpose, and fails unless that one is found
/// too slow: a check that can not fail tells nothing.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    programs: Programs,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// How often each is made.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// How many times the cost of stock bare Pingora a setup may have: half more than it has, because a
/// machine that does other things besides moves ratios, too.
const BOUNDS: [(Filters, Instances, f64); 3] = [
    (Filters::None, Instances::Fresh, 1.5),
    (Filters::Four, Instances::Fresh, 2.1),
    (Filters::Four, Instances::Reuse, 2.1),
];

impl Arguments {
    pub(crate) fn run(self) -> Result<bool> {
        let extent = Extent { seconds: self.seconds, rounds: self.rounds };
        let bench = Bench::set_up(&self.tools, self.programs, extent)?;
        let as_it_is = judge(&bench, 0)?;
        let slowed = judge(&bench, BURN)?;
        let mut text = "\nas it is:\n".to_owned() + &lines(&as_it_is);
        text += &("made slower on purpose:\n".to_owned() + &lines(&slowed));
        let (passes, notices) =
            (as_it_is.iter().all(Finding::is_met), slowed.iter().all(|found| !found.is_met()));
        text += match (passes, notices) {
            (true, true) => "passed: the edge is fast enough, and one that was made slower is not\n",
            (false, _) => "FAILED: the edge is too slow\n",
            (true, false) => {
                "FAILED: an edge that was made slower is not found too slow, so this check tells nothing\n"
            }
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(passes && notices)
    }
}

/// What was found of one setup.
#[derive(Debug, PartialEq)]
struct Finding {
    title: String,
    /// Of stock bare Pingora's CPU for each request, in the same rounds.
    ratio: f64,
    most: f64,
}

impl Finding {
    fn is_met(&self) -> bool {
        self.ratio <= self.most
    }
}

/// With so many turns of an empty loop in front of every chain.
fn judge(bench: &Bench, burn: u32) -> Result<Vec<Finding>> {
    let small = usize::from(burn > 0);
    let setups = BOUNDS.map(|(filters, instances, _)| Setup { small, burn, ..Setup::of(filters, instances) });
    let edges = setups.map(|setup| {
        let contender = Contender::Edge(setup);
        Entry { who: contender.title(), at: 0, contender }
    });
    let mut entries = vec![Entry::of(PINGORA)];
    entries.extend(edges.clone());
    let mut run = Run::new(bench);
    run.rounds(Study::Contenders, &entries, |entry, round| {
        measure(bench, &entry.contender, How::CLOSED, round)
    })?;
    ensure!(run.left_out.is_empty(), "there is nothing to compare with: {:?}", run.left_out);
    findings(&run.samples, &edges.map(|entry| entry.who))
}

fn findings(samples: &Samples, titles: &[String; 3]) -> Result<Vec<Finding>> {
    let bare = PINGORA.name();
    let mut findings = Vec::new();
    for (title, (_, _, most)) in titles.iter().zip(BOUNDS) {
        let errors = samples.iter().filter(|sample| sample.who == *title).map(|sample| &sample.errors);
        let errors: Vec<_> = errors.filter(|errors| !errors.is_empty()).collect();
        ensure!(errors.is_empty(), "{title} errs: {errors:?}");
        let ratio = samples.ratio(Study::Contenders, Spot(title, 0), Spot(&bare, 0), Figure::Cpu);
        ensure!(ratio.is_some_and(f64::is_finite), "{title} was not measured");
        findings.push(Finding { title: title.clone(), ratio: ratio.unwrap_or(f64::INFINITY), most });
    }
    Ok(findings)
}

fn lines(findings: &[Finding]) -> String {
    let line = |found: &Finding| {
        let verdict = if found.is_met() { "fast enough" } else { "TOO SLOW" };
        format!(
            "  {:<60} {:>6.2} × stock bare Pingora, at most {}: {verdict}\n",
            found.title, found.ratio, found.most
        )
    };
    findings.iter().map(line).collect()
}

/// A tenth of a millisecond: more than any bound has room for.
const BURN: u32 = 600_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::samples;

    fn judged(ours: [f64; 3]) -> Vec<bool> {
        let titles = ["a", "b", "c"].map(str::to_owned);
        let bare = PINGORA.name();
        let rounds = ours.map(|cpu| vec![cpu, cpu * 2.0]);
        let mut series: Vec<(&str, usize, &[f64])> = vec![(&bare, 0, &[40.0, 80.0])];
        series.extend(titles.iter().zip(&rounds).map(|(title, rounds)| (&**title, 0, &**rounds)));
        let found = findings(&samples(Study::Contenders, Figure::Cpu, &series), &titles).unwrap();
        found.iter().map(Finding::is_met).collect()
    }

    #[test]
    fn each_setup_is_held_against_its_own_bound() {
        assert_eq!(judged([59.0, 83.0, 83.0]), [true, true, true]);
        assert_eq!(judged([61.0, 83.0, 83.0]), [false, true, true]);
        assert_eq!(judged([40.0, 400.0, 200.0]), [true, false, false]);
    }

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let titles = ["a", "b", "c"].map(str::to_owned);
        let found = findings(&samples(Study::Contenders, Figure::Cpu, &[("a", 0, &[1.0])]), &titles);
        assert_eq!(found.unwrap_err().to_string(), "a was not measured");
    }
}
