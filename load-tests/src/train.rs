//! What a build that counts is asked, so that the next one knows which ways are taken often.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use edgeloom_testbed::{Client, Request};

use crate::contender::Contender;
use crate::ground::{Bench, Extent, Tools};
use crate::measure::{How, measure};
use crate::peer::{Job, Peer, Programs};
use crate::setup::{Filters, Instances, Setup};

/// Has a build that counts how often its branches are taken do all that is done often
///
/// Nothing is measured. The counts are written when a process ends, to where LLVM_PROFILE_FILE says;
/// `cargo xtask dist` does all of it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    tools: Tools,
    #[command(flatten)]
    programs: Programs,
    /// Who counts; the other is not asked.
    #[arg(long, value_enum)]
    who: Who,
    /// How long each contender is asked.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    /// Without a filter, with one, with four in both ways, and through swaps.
    Edge,
    /// `--pingora`: bare, and with the job.
    Pingora,
}

impl Who {
    fn contenders(self) -> Vec<Contender> {
        match self {
            Self::Edge => vec![
                Contender::EMPTY,
                Contender::Edge(Setup::of(Filters::One, Instances::Fresh)),
                Contender::FRESH,
                Contender::REUSE,
            ],
            Self::Pingora => {
                [Job::BareTuned, Job::Four].map(|job| Contender::Peer(Peer::Pingora, job)).into()
            }
        }
    }
}

impl Arguments {
    pub(crate) fn run(self) -> Result<bool> {
        let extent = Extent { seconds: self.seconds, rounds: 1 };
        let bench = Bench::set_up(&self.tools, self.programs, extent)?;
        for contender in self.who.contenders() {
            eprintln!("training: {}", contender.title());
            often(&bench, &contender, None)?;
            seldom(&bench, &contender)?;
        }
        if self.who == Who::Edge {
            eprintln!("training: swaps");
            often(&bench, &Contender::FRESH, Some(SWAP_EVERY))?;
        }
        Ok(true)
    }
}

/// Requests without a body on connections that stay, by visitors who have been here before.
fn often(bench: &Bench, contender: &Contender, swap_every: Option<Duration>) -> Result<()> {
    let found = measure(bench, contender, How { swap_every, ..How::CLOSED }, 1)?;
    // A build that counts is slow, and so may be past a deadline now and then.
    let unasked = found.errors.iter().filter(|(what, _)| !what.starts_with("fault "));
    let errors: Vec<_> = unasked.collect();
    ensure!(errors.is_empty(), "{} errs: {errors:?}", contender.title());
    Ok(())
}

/// New visitors, new connections, bodies, and what nobody serves: less often, but often.
fn seldom(bench: &Bench, contender: &Contender) -> Result<()> {
    let (north, south) = bench.origins();
    let live = contender.start(bench, north.address(), south.address(), bench.database())?;
    let end = Instant::now() + bench.span();
    let mut round = 0;
    while Instant::now() < end {
        live.welcome(bench.atlas().draw(round, bench.visitors())?)?;
        let client = Client::try_to(live.address())?;
        for body in BODIES {
            let request = Request::post("/shop/cart", vec![b'x'; body]).host("shop.example");
            let answer = client.attempt(request)?;
            ensure!(answer.status() == 200, "a body of {body} is answered with {}", answer.status());
        }
        client.attempt(Request::get("/").host("nobody.example"))?;
        round += 1;
    }
    live.end()
}

/// A form, a photo.
const BODIES: [usize; 2] = [300, 200_000];
const SWAP_EVERY: Duration = Duration::from_millis(200);
