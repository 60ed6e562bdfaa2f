//! The same job by everybody: what it costs, how much of it one core does, how long it takes.

use std::net::Ipv4Addr;

use anyhow::Result;
use edgeloom_testbed::{Manner, Origin};

use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::measure::{Found, How, measure};
use crate::oha::Pace;
use crate::peer::{Job, Peer};
use crate::request::Visitor;
use crate::samples::Figure;

/// Who proxies and does nothing else, as it comes: what ours is held against.
pub(crate) const PINGORA: Contender = Contender::Peer(Peer::Pingora, Job::Bare);

/// Who is asked where nobody is measured.
pub(crate) const LOAD: &str = "load and origin";
/// The same with an origin on hyper, which reads what it is asked.
pub(crate) const COMMON: &str = "load and a common origin";

/// Ours, then every peer at everything that it can be measured doing.
pub(crate) fn all() -> Vec<Contender> {
    let peers =
        Peer::ALL.into_iter().flat_map(|peer| peer.jobs().iter().map(move |job| Contender::Peer(peer, *job)));
    [Contender::EMPTY, Contender::FRESH, Contender::REUSE, Contender::USUAL]
        .into_iter()
        .chain(peers)
        .collect()
}

/// Those that do the whole job and nothing else, each once.
pub(crate) fn at_work() -> Vec<Contender> {
    let is_another = |contender: &Contender| {
        *contender == Contender::USUAL || *contender == Contender::Peer(Peer::Pingora, Job::FourAlone)
    };
    all().into_iter().filter(|contender| contender.duties().experiment && !is_another(contender)).collect()
}

/// As fast as each can.
pub(crate) fn cost(run: &mut Run<'_>, contenders: &[Contender]) -> Result<()> {
    let entries: Vec<_> = contenders.iter().copied().map(Entry::of).collect();
    let bench = run.bench;
    run.rounds(Study::Contenders, &entries, |entry, round| {
        measure(bench, &entry.contender, How::CLOSED, round)
    })
}

/// At a rate that each can keep.
pub(crate) fn latency(run: &mut Run<'_>, rate: u32) -> Result<()> {
    let bare = [Contender::EMPTY, PINGORA];
    let entries: Vec<_> = bare.into_iter().chain(at_work()).map(Entry::of).collect();
    let bench = run.bench;
    let how = How { pace: Pace::Fixed(rate), ..How::CLOSED };
    run.rounds(Study::Latency, &entries, |entry, round| measure(bench, &entry.contender, how, round))
}

/// The origin itself is asked: nobody can be measured to be faster than that. And so is a common one, to see
/// what there would be left of it.
pub(crate) fn ceiling(run: &mut Run<'_>) -> Result<()> {
    let bench = run.bench;
    let common = Origin::start((Ipv4Addr::LOCALHOST, 0).into(), Manner::kibibyte())?;
    let (_, own) = bench.origins();
    for round in 1..=bench.extent.rounds {
        let places = bench.atlas().draw(round.into(), bench.visitors())?;
        let visitors: Vec<_> = places.into_iter().map(Visitor::new).collect();
        for (who, address) in [(LOAD, own.address()), (COMMON, common.address())] {
            eprintln!("{:?}, round {round} of {}: {who}", Study::Ceiling, bench.extent.rounds);
            let seen = bench.oha.ask(address, &visitors, Pace::Closed, bench.span())?;
            anyhow::ensure!(seen.errors.is_empty(), "{who} errs: {:?}", seen.errors);
            let figures = [(Figure::PerSecond, seen.per_second)].into();
            run.add(Study::Ceiling, who, round, Found { figures, errors: seen.errors });
        }
    }
    Ok(())
}
