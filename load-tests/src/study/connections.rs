//! Memory against idle connections.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use edgeloom_testbed::{Authority, Launch, Order, Raw, Tls};
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
    eprintln!("{:?}: {SECURE}", Study::Connections);
    for (at, figures) in hold_secure(run.bench, most).context(SECURE_TITLE)? {
        let (study, who) = (Study::Connections, SECURE.to_owned());
        run.samples.add(Sample { study, who, at, round: 1, figures, errors: BTreeMap::new() });
    }
    Ok(())
}

/// Edgeloom with the four filters, over TLS 1.3; peers are measured in the clear only.
pub(crate) const SECURE: &str = "edgeloom fresh tls";
pub(crate) const SECURE_TITLE: &str = "Edgeloom, four filters, fresh instances, over TLS 1.3";

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

/// The same over TLS. Sessions are not gone on with: each connection has all that a new client costs.
fn hold_secure(bench: &Bench, most: usize) -> Result<Vec<(usize, Figures)>> {
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
    let open = || answered(Raw::secure(edge.address(), &tls.clone().forgetful())?, &visitor);
    let found = opened(most, &tree, open)?;
    edge.end(PATIENCE)?;
    Ok(found)
}

/// Opens ever more, and looks at the memory.
fn opened(most: usize, tree: &Tree, open: impl Fn() -> Result<Raw>) -> Result<Vec<(usize, Figures)>> {
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
    }
    Ok(found)
}

/// A connection that has been answered once.
fn answered(mut raw: Raw, visitor: &Visitor) -> Result<Raw> {
    raw.send(visitor.head().as_bytes())?;
    let answer = raw.answer(PATIENCE)?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "it was answered with {}", String::from_utf8_lossy(&answer));
    ensure!(answer.ends_with(&[b'x'; 1024]), "the answer is not whole");
    Ok(raw)
}

/// As many as the system lets us have.
fn files_allowed() -> io::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)))
}

const FILES_OF_OUR_OWN: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);
