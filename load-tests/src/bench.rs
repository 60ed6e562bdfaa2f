//! Everything, with its report.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::ground::{Bench, Extent, Tools};
use crate::machine::Machine;
use crate::peer::Programs;
use crate::report::{Conditions, Report};
use crate::study::{Run, Study, connections, contenders, filters, rest, swaps, tenants, workers};
use crate::verdict::Verdict;

/// Measures everything and everybody, and writes the report
///
/// Each study interleaves its contenders in rounds; medians are over the rounds, and ratios are of the same
/// round. The report has a table of what was promised: met, or missed.
///
/// A peer whose program is not named, or that does not do the job, is left out, and the report says why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    extent: Extent,
    /// One round of one second each: whether it all works, not what it costs.
    #[arg(long, conflicts_with_all = ["seconds", "rounds"])]
    quick: bool,
    /// What to measure; may be given more than once, or as a list with commas. All, if not given.
    #[arg(long = "study", value_enum, value_delimiter = ',')]
    studies: Vec<Study>,
    /// Requests a second where latencies are taken.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Time between two swaps in the storm.
    #[arg(long, default_value_t = 100, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    swap_every: u64,
    /// Where the report goes: README.md, data.json, and a plot for each study. In `unfinished` below it, if one fails.
    #[arg(long, value_name = "FOLDER")]
    report: PathBuf,
    /// End with 1 if a bound is missed, or not measured.
    #[arg(long)]
    strict: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<bool> {
        let extent = if self.quick { Extent { seconds: 1, rounds: 1 } } else { self.extent };
        let bench = Bench::set_up(&self.tools, self.programs, extent)?;
        let mut run = Run::new(&bench);
        let swap_every = Duration::from_millis(self.swap_every);
        let chosen = |study: &&Study| self.studies.is_empty() || self.studies.contains(study);
        let mut ended = Ok(());
        for study in Study::value_variants().iter().filter(chosen) {
            ended = match study {
                Study::Ceiling => contenders::ceiling(&mut run),
                Study::Contenders => contenders::cost(&mut run, &contenders::all()),
                Study::Latency => contenders::latency(&mut run, self.rate),
                Study::Filters => filters::count(&mut run),
                Study::Settings => filters::size(&mut run),
                Study::Workers => workers::run(&mut run),
                Study::Swaps => swaps::run(&mut run, self.rate, swap_every),
                Study::Connections => connections::run(&mut run),
                Study::Start => rest::start(&mut run),
                Study::Idle => rest::idle(&mut run),
                Study::Tenants => tenants::run(&mut run, self.rate),
            }
            .with_context(|| format!("study `{study:?}`"));
            if ended.is_err() {
                break;
            }
        }
        // What was measured before it is not lost, and no finished report gives way to it.
        let folder = if ended.is_ok() { self.report } else { self.report.join("unfinished") };
        if run.samples.is_empty() {
            ended?;
            bail!("nothing was measured");
        }
        let conditions = Conditions::of(&bench, self.rate, self.swap_every);
        let report = Report::new(Machine::look(bench.cores().count()), conditions, run.samples, run.left_out);
        report
            .write(&folder)
            .with_context(|| format!("no report could be written to {}", folder.display()))?;
        report.print()?;
        ended.with_context(|| format!("what was measured until then is in {}", folder.display()))?;
        let all_met = report.bounds().iter().all(|bound| bound.verdict() == Verdict::Met);
        Ok(all_met || !self.strict)
    }
}
