//! How many instructions each piece takes.
//!
//! Not by gungraun, which would be the crate for it: it starts valgrind anew for each piece, so that
//! seconds become minutes; it wants a runner of its own to be built first; and it compares with an
//! earlier run on the same machine, not with a file that a change is reviewed with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Counted;
use crate::command::{Execute, program};

/// The function that does what is counted, and only that; see `proxy/core/benches/pieces/gauge.rs`.
const COUNTED: &str = "pieces::gauge::counted";

/// Runs the benchmark under callgrind, which leaves what it says in this folder.
///
/// # Errors
///
/// Where it does not run, or not everything was counted.
pub(super) fn count(binary: &Path, folder: &Path) -> Result<Counted> {
    let unusable = || format!("{} cannot be made anew", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(unusable)?;
    }
    fs::create_dir_all(folder).with_context(unusable)?;
    let last = folder.join("out");
    let said = program("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-before={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", last.display()))
        .arg(binary)
        .arg("--count")
        .read()?;
    let pieces = pieces(&said)?;
    ensure!(!pieces.is_empty(), "{} counts nothing", binary.display());
    // Before each piece it writes down what it has counted since the one before, and at its end the rest.
    let dumps = (1..=pieces.len()).map(|number| folder.join(format!("out.{number}"))).chain([last]);
    let totals = dumps.map(|dump| total(&dump)).collect::<Result<Vec<_>>>()?;
    pair(&pieces, &totals)
}

/// The executable of a package's benchmark, from what cargo has written in JSON, a message a line.
pub(super) fn executable(messages: &str, package: &str, bench: &str) -> Option<String> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let target = message.get("target")?;
        // `path+file:///…/proxy/core#edgeloom-core@0.1.0`, or without the name where the folder has it.
        let is_of = message.get("package_id")?.as_str()?.contains(&format!("{package}@"));
        let is_bench = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bench");
        let found = is_of && is_bench && target.get("name")? == bench;
        found.then(|| message.get("executable")?.as_str().map(str::to_owned)).flatten()
    })
}

/// The pieces in the order in which they were counted, and how often each was done.
fn pieces(said: &str) -> Result<Vec<(&str, u64)>> {
    let piece = |line| {
        let (times, name) = str::split_once(line, '\t')?;
        Some((name, times.parse().ok().filter(|times| *times > 0)?))
    };
    let lines = said.lines().filter_map(|line| line.strip_prefix("counted\t"));
    lines.map(|line| piece(line).with_context(|| format!("`{line}` is no piece"))).collect()
}

/// What was counted in one dump.
fn total(path: &Path) -> Result<u64> {
    let dump = fs::read_to_string(path).with_context(|| {
        format!("callgrind has not written {}: it knows no function `{COUNTED}`", path.display())
    })?;
    let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.with_context(|| format!("{} has no total", path.display()))
}

/// What one of each takes. The first total is of what came before all pieces.
fn pair(pieces: &[(&str, u64)], totals: &[u64]) -> Result<Counted> {
    let before = totals.first().context("nothing was counted")?;
    ensure!(*before == 0, "{before} instructions were counted before the first piece");
    let mut counted = Counted::new();
    for ((name, times), total) in pieces.iter().zip(totals.iter().skip(1)) {
        ensure!(*total > 0, "nothing was counted of `{name}`");
        let twice = counted.insert((*name).to_owned(), total.div_ceil(*times));
        ensure!(twice.is_none(), "two pieces are called `{name}`");
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_divided_by_how_often_it_was_done() {
        let said = "Benchmarking …\ncounted\t4\troute/hit, of 10\ncounted\t100\thost call/id\n";
        let pieces = pieces(said).unwrap();
        let counted = pair(&pieces, &[0, 401, 7000]).unwrap();
        assert_eq!(counted, Counted::from([("route/hit, of 10".into(), 101), ("host call/id".into(), 70)]));
    }

    #[test]
    fn what_was_not_counted_is_not_taken_for_cheap() {
        let pieces = [("a", 1), ("b", 1)];
        let refusal = |totals: &[u64]| pair(&pieces, totals).unwrap_err().to_string();
        assert_eq!(refusal(&[0, 5, 0]), "nothing was counted of `b`");
        assert_eq!(refusal(&[3, 5, 5]), "3 instructions were counted before the first piece");
        let twice = pair(&[("a", 1), ("a", 1)], &[0, 5, 5]).unwrap_err().to_string();
        assert_eq!(twice, "two pieces are called `a`");
        assert!(super::pieces("counted\t0\ta\n").is_err());
        assert!(total(Path::new("/no/such/dump")).is_err());
    }

    #[test]
    fn the_benchmark_is_found_among_what_cargo_has_built() {
        let message = |package: &str, kind: &str, name: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///h/proxy/core#{package}@0.1.0",
                "target":{{"kind":["{kind}"],"name":"{name}"}},"executable":"/h/{package}-{kind}-{name}"}}"#
            )
            .replace('\n', " ")
        };
        let messages = [
            message("edgeloom-core", "lib", "pieces"),
            message("edgeloom-host", "bench", "pieces"),
            message("edgeloom-core", "bench", "other"),
            message("edgeloom-core", "bench", "pieces"),
        ]
        .join("\n");
        let found = executable(&messages, "edgeloom-core", "pieces");
        assert_eq!(found.as_deref(), Some("/h/edgeloom-core-bench-pieces"));
        assert_eq!(executable(&messages, "edgeloom", "pieces"), None);
    }
}
