//! Memory against idle connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use edgeloom_testbed::{Authority, Frame, Frames, Launch, Order, Outcome, Raw, Tls, Versions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use super::contenders::PINGORA;
use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::cores::Seat;
use crate::ground::Bench;
use crate::measure::count;
use crate::processes::Tree;
use crate::request::Visitor;
use crate::samples::{Figure, Sample};
use crate::setup::{Filters, Instances, Setup, Surroundings};

/// How many are open.
const COUNTS: [usize; 4] = [0, 1000, 5000, 10_000];

/// Each of them has had one exchange, and now lies idle: as a browser's after a page.
pub(crate) fn run(run: &mut Run<'_>) -> Result<()> {
    let most = files_allowed()?.saturating_sub(FILES_OF_OUR_OWN);
    for contender in [Contender::FRESH, PINGORA] {
        let entry = Entry::of(contender);
        run.rehearse(std::slice::from_ref(&entry))?;
        let bench = run.bench;
        eprintln!("{:?}: {}", Study::Connections, entry.who);
        let held = hold(bench, &contender, most).with_context(|| contender.title());
        for (at, figures) in run.or_left_out(&entry, held)?.unwrap_or_default() {
            let (study, who) = (Study::Connections, entry.who.clone());
            run.samples.add(Sample { study, who, at, round: 1, figures, errors: BTreeMap::new() });
        }
    }
    for series in Secure::ALL {
        let who = series.name();
        eprintln!("{:?}: {who}", Study::Connections);
        for (at, figures) in hold_secure(run.bench, series, most).context(series.title())? {
            let (study, who) = (Study::Connections, who.to_owned());
            run.samples.add(Sample { study, who, at, round: 1, figures, errors: BTreeMap::new() });
        }
    }
    Ok(())
}

/// Edgeloom with the four filters, over TLS 1.3; peers are measured in the clear only.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Secure {
    Http1,
    Http2,
}

impl Secure {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "edgeloom fresh tls",
            Self::Http2 => "edgeloom fresh tls http2",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Http1 => "Edgeloom, fresh instances, TLS 1.3",
            Self::Http2 => "Edgeloom, fresh instances, HTTP/2 over TLS",
        }
    }

    /// Sessions are not gone on with: each connection has all that a new client costs.
    fn open(self, address: SocketAddr, tls: &Tls, visitor: &Visitor) -> Result<Held> {
        let tls = tls.clone().versions(Versions::Only13);
        match self {
            Self::Http1 => answered(Raw::secure(address, &tls.forgetful())?, visitor),
            Self::Http2 => answered_http2(Frames::secure(address, &tls.speaking(&["h2"]))?, visitor),
        }
    }
}

type Figures = BTreeMap<Figure, f64>;

fn hold(bench: &Bench, contender: &Contender, most: usize) -> Result<Vec<(usize, Figures)>> {
    let (north, south) = bench.origins();
    let live = contender.start(bench, north.address(), south.address(), bench.database())?;
    let visitors = live.welcome(bench.atlas().draw(1, bench.visitors())?)?;
    let visitor = visitors.first().context("nobody asks")?;
    let address = live.address();
    let found = opened(most, &live.tree, || answered(Raw::connect(address)?, visitor))?;
    live.end()?;
    Ok(found)
}

/// The same over TLS.
fn hold_secure(bench: &Bench, series: Secure, most: usize) -> Result<Vec<(usize, Figures)>> {
    let folder = TempDir::with_prefix("edgeloom-load-")?;
    let authority = Authority::try_new()?;
    let files = authority.try_issue(&Order::server(&["127.0.0.1"]))?.try_write(folder.path(), "own")?;
    let (north, south) = bench.origins();
    let around = Surroundings {
        north: north.address(),
        south: south.address(),
        filters: bench.filters(),
        database: bench.database(),
        cache: &bench.cache(),
    };
    let setup = Setup::of(Filters::Four, Instances::Fresh);
    let plain = setup.configuration(&around)?;
    let tls = format!(
        "    trust: [127.0.0.0/8]\n    tls: {{ certificates: [{{ chain: {}, key: {} }}] }}",
        files.chain.display(),
        files.key.display()
    );
    let text = plain.text().replacen("    trust: [127.0.0.0/8]", &tls, 1);
    let file = folder.path().join("edge.yaml");
    plain
        .with_text(text)
        .map_err(|report| anyhow!("a listener with TLS is not a configuration:\n{report}"))?
        .write(&file)?;
    let launch = Launch::file(&file).binary(bench.edge());
    let edge = bench.cores().on(Seat::Alone, || launch.start())??;
    let tls = Tls::believing(&authority);
    let visitor = Visitor::new(bench.atlas().draw(1, 1)?.into_iter().next().context("nobody asks")?);
    let tree = Tree::of(edge.pid())?;
    let open = || series.open(edge.address(), &tls, &visitor);
    let found = opened(most, &tree, open)?;
    edge.end(PATIENCE)?;
    Ok(found)
}

/// Opens ever more, and looks at the memory while all of them lie idle.
fn opened(most: usize, tree: &Tree, open: impl Fn() -> Result<Held>) -> Result<Vec<(usize, Figures)>> {
    let mut held = Vec::new();
    let mut found = Vec::new();
    for at in COUNTS {
        if at > most {
            eprintln!("{at} connections are left out: this process may have {most} (`ulimit -n` raises it)");
            break;
        }
        while held.len() < at {
            held.push(open().with_context(|| format!("connection {}", held.len() + 1))?);
        }
        found.push((at, BTreeMap::from([(Figure::Memory, count(tree.memory()?))])));
        for (number, connection) in held.iter().enumerate() {
            ensure!(connection.lies_idle()?, "connection {} of {at} does not lie idle", number + 1);
        }
    }
    Ok(found)
}

/// A connection that has been answered once.
enum Held {
    Http1(Raw),
    Http2(Frames),
}

impl Held {
    fn lies_idle(&self) -> Result<bool> {
        Ok(match self {
            Self::Http1(raw) => raw.lies_idle(),
            Self::Http2(frames) => frames.lies_idle(),
        }?)
    }
}

fn answered(mut raw: Raw, visitor: &Visitor) -> Result<Held> {
    raw.send(visitor.head().as_bytes())?;
    let answer = raw.answer(PATIENCE)?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "it was answered with {}", String::from_utf8_lossy(&answer));
    ensure!(answer.ends_with(&[b'x'; 1024]), "the answer is not whole");
    Ok(Held::Http1(raw))
}

fn answered_http2(mut frames: Frames, visitor: &Visitor) -> Result<Held> {
    frames.send(&Frame::request(1, &visitor.fields()))?;
    let outcome = frames.outcome(1, PATIENCE)?;
    ensure!(outcome == Outcome::Answered(200), "what became of it is {outcome:?}");
    Ok(Held::Http2(frames))
}

/// As many as the system lets us have.
fn files_allowed() -> io::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)))
}

const FILES_OF_OUR_OWN: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);
