//! Memory against idle connections.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::contenders::PINGORA;
use super::{Entry, Run, Study};
use crate::contender::Contender;
use crate::measure::count;
use crate::request::Visitor;
use crate::samples::{Figure, Sample};

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
    Ok(())
}

type Figures = BTreeMap<Figure, f64>;

fn hold(bench: &crate::ground::Bench, contender: &Contender, most: usize) -> Result<Vec<(usize, Figures)>> {
    let (north, south) = bench.origins();
    let live = contender.start(bench, north.address(), south.address(), bench.database())?;
    let visitors = live.welcome(bench.atlas().draw(1, bench.visitors())?)?;
    let visitor = visitors.first().context("nobody asks")?;
    let mut held = Vec::new();
    let mut found = Vec::new();
    for at in COUNTS {
        if at > most {
            eprintln!("{at} connections are left out: this process may have {most} (`ulimit -n` raises it)");
            break;
        }
        while held.len() < at {
            held.push(
                open(live.address(), visitor).with_context(|| format!("connection {}", held.len() + 1))?,
            );
        }
        found.push((at, BTreeMap::from([(Figure::Memory, count(live.tree.memory()?))])));
    }
    live.end()?;
    Ok(found)
}

/// A connection that has been answered once.
fn open(address: SocketAddr, visitor: &Visitor) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(visitor.head().as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(&[b'x'; 1024]) {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "it was closed before it was answered");
        answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "it was answered with {}", String::from_utf8_lossy(&answer));
    Ok(stream)
}

/// As many as the system lets us have.
fn files_allowed() -> io::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX)))
}

const FILES_OF_OUR_OWN: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);
