//! Instructions instead of time: what becomes dearer is seen by a machine that does other things, too.

mod callgrind; // how many instructions each piece takes
mod ledger; // what was written down of them
mod laws; // what must be true of them anywhere

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::command::{Execute, program, which};
use crate::filters::Built;
use crate::house::House;
use crate::portions::portions;
use crate::{filters, install, setup};
use ledger::Ledger;

/// Counts the instructions that each piece takes, and compares them with what was written down
///
/// The pieces are those of `cargo bench -p edgeloom-core` and `cargo bench -p edgeloom-host --bench
/// pieces`: choosing a route, an edit, a host call, a call of a filter. Valgrind's callgrind counts what
/// each takes of the processor's instructions. Unlike its time, that is nearly the same in every run, on
/// a busy machine as well, so a change that makes a piece dearer fails here.
///
/// Fails where a piece takes over 5 % more than proxy/core/benches/counts.txt or proxy/host/benches/counts.txt
/// say, or less, so that they stay true. If that is as it should be:
///
///   BLESS=1 cargo xtask counts          writes down what is counted
///
/// Another compiler, C library or valgrind counts differently. Where these are others than the file was
/// written with, it is not compared. What must hold anywhere is checked all the same: that a route among
/// 100,000 is chosen about as cheaply as among 10, say.
///
/// Only instructions of the process are counted: not what the kernel does for it, and not how long the
/// processor waits for memory. Valgrind is installed by apt-get; where it cannot be, nothing is counted.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Counts {}

/// Instructions by piece.
type Counted = BTreeMap<String, u64>;

/// Whose pieces are counted, and where it is written down.
const CRATES: [(&str, &str); 2] =
    [("edgeloom-core", "proxy/core/benches/counts.txt"), ("edgeloom-host", "proxy/host/benches/counts.txt")];

/// The benchmark of each that has them.
const BENCH: &str = "pieces";

impl Counts {
    #[expect(clippy::unused_self, reason = "a task like the others, without arguments so far")]
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        check(house)
    }
}

/// Counts, and compares or writes down.
///
/// # Errors
///
/// Where something has become dearer or cheaper than was written down, or breaks a law; where the pieces
/// cannot be built or counted.
pub(crate) fn check(house: &House) -> Result<()> {
    if which("valgrind").is_none()
        && let Err(error) = install::debian(&["valgrind"], "it counts instructions")
    {
        eprintln!("counts: left out: {error:#}");
        return Ok(());
    }
    setup::native()?;
    let built = filters::build(house)?;
    let conditions = conditions(&built)?;
    let messages = build(house)?;
    let blessed = env::var_os("BLESS").is_some();
    let mut problems = Vec::new();
    for (package, path) in CRATES {
        let binary = callgrind::executable(&messages, package, BENCH)
            .with_context(|| format!("cargo has built no benchmark {BENCH} of {package}"))?;
        eprintln!("counts: counting the pieces of {package} (a minute or two where filters have changed)");
        let folder = house.target().join("counts").join(package);
        let counted = callgrind::count(Path::new(&binary), &folder)
            .with_context(|| format!("the pieces of {package} cannot be counted"))?;
        problems.extend(laws::broken(package, &counted));
        problems.extend(settle(
            Path::new(path),
            &Ledger { conditions: conditions.clone(), counted },
            blessed,
        )?);
    }
    for problem in &problems {
        eprintln!("counts: {problem}");
    }
    match problems.len() {
        0 => Ok(()),
        several => bail!("{several} pieces do not take what they should; see above"),
    }
}

/// Holds what was counted against what is written down, or writes it down.
fn settle(path: &Path, now: &Ledger, blessed: bool) -> Result<Vec<String>> {
    let shown = path.display();
    if blessed {
        fs::write(path, now.to_string()).with_context(|| format!("{shown} cannot be written"))?;
        eprintln!("counts: {} are written down in {shown}", now.counted.len());
        return Ok(Vec::new());
    }
    let written = fs::read_to_string(path)
        .with_context(|| format!("{shown} cannot be read; `BLESS=1 cargo xtask counts` writes it"))?;
    let written = Ledger::read(&written).with_context(|| format!("{shown} is no list of counts"))?;
    if written.conditions != now.conditions {
        eprintln!(
            "counts: {shown} is not compared: it was written with {}, and this is {}",
            written.conditions, now.conditions
        );
        return Ok(Vec::new());
    }
    let problems: Vec<_> = written.compare(now).map(|problem| format!("{shown}: {problem}")).collect();
    if problems.is_empty() {
        eprintln!("counts: {} are as {shown} has them", now.counted.len());
    } else {
        eprintln!("counts: if this is as it should be, `BLESS=1 cargo xtask counts` writes it down");
    }
    Ok(problems)
}

/// What counts depend on besides our own code.
fn conditions(built: &Built) -> Result<String> {
    let version = program("rustc").arg("--version").read()?;
    let library = program("getconf").arg("GNU_LIBC_VERSION").read().unwrap_or_else(|_| "another libc".into());
    let valgrind = program("valgrind").arg("--version").read()?;
    let (version, library, valgrind) = (version.trim(), library.trim(), valgrind.trim());
    let (machine, guests) = (env::consts::ARCH, built.compiler.name());
    Ok(format!("{version}, {machine}, {library}, {valgrind}, guests by {guests}"))
}

/// Builds the benchmarks, of what the tests are built of, and returns what cargo says of it in JSON.
fn build(house: &House) -> Result<String> {
    let whole = portions(house)?.pop().context("there is nothing to build")?;
    let mut cargo = house.cargo();
    cargo.arg("build").args(whole).args(["--bench", BENCH, "--message-format=json-render-diagnostics"]).read()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(conditions: &str, count: u64) -> Ledger {
        Ledger { conditions: conditions.to_owned(), counted: [("edit".to_owned(), count)].into() }
    }

    #[test]
    fn what_becomes_dearer_fails_until_it_is_written_down() {
        let folder = env::temp_dir().join(format!("edgeloom-counts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("counts.txt");
        let missing = settle(&path, &now("rustc 1.95", 1000), false).unwrap_err().to_string();
        assert!(missing.ends_with("`BLESS=1 cargo xtask counts` writes it"), "{missing}");

        assert!(settle(&path, &now("rustc 1.95", 1000), true).unwrap().is_empty());
        assert!(settle(&path, &now("rustc 1.95", 1020), false).unwrap().is_empty());
        let told = settle(&path, &now("rustc 1.95", 1100), false).unwrap();
        assert_eq!(told.len(), 1);
        assert!(told.iter().all(|told| told.contains("`edit` has become 10 % dearer")), "{told:?}");
        // Where something else has compiled it, nobody knows whose fault that is.
        assert!(settle(&path, &now("rustc 1.96", 1100), false).unwrap().is_empty());

        assert!(settle(&path, &now("rustc 1.95", 1100), true).unwrap().is_empty());
        assert!(settle(&path, &now("rustc 1.95", 1100), false).unwrap().is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}
