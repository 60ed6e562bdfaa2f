//! Requests made up by libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::command::{Execute, program};
use crate::house::House;
use crate::install::FUZZ;

/// Lets libFuzzer make up what strangers may send
///
/// Each target of proxy/fuzz reads something that clients and proxies before us write: heads and bodies,
/// the PROXY protocol, forwarding headers, cookies. It fails where that breaks something, or is read in two ways. Two run at
/// a time. They begin with proxy/fuzz/seeds; what else is found to be worth trying is kept in
/// target/fuzz/corpus from one run to the next.
///
///   cargo xtask fuzz                             every target for a minute
///   cargo xtask fuzz --seconds 600 head          one for longer
///
/// What breaks a target is named at the end, and `target/fuzz/…/release/TARGET FILE` does it again.
/// Cargo-fuzz builds the targets; it is installed into target/tools the first time.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Fuzz {
    /// How long each target runs
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// The targets; all of them if none is named
    targets: Vec<String>,
}

/// Long enough to find again what was found before, short enough for every change.
const SECONDS: u32 = 60;

/// As many as the smallest of our machines has cores.
const AT_A_TIME: usize = 2;

/// The longest input, in bytes: longer than any bound of what is read.
const INPUT_MAX: u32 = 8192;

impl Fuzz {
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        let known = targets(house)?;
        if let Some(unknown) = self.targets.iter().find(|target| !known.contains(target)) {
            bail!("there is no target `{unknown}` in proxy/fuzz; there are {}", known.join(", "));
        }
        let wanted = if self.targets.is_empty() { &known } else { &self.targets };
        let built = build(house)?;
        let mut broken = Vec::new();
        for targets in wanted.chunks(AT_A_TIME) {
            let running = targets.iter().map(|target| Running::start(house, &built, target, self.seconds));
            let running = running.collect::<Result<Vec<_>>>()?;
            for target in running {
                broken.extend(target.finish()?);
            }
        }
        if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("\n")) }
    }
}

/// Every target for a minute.
///
/// # Errors
///
/// Where one of them is broken by something, or they cannot be built.
pub(crate) fn check(house: &House) -> Result<()> {
    Fuzz { seconds: SECONDS, targets: Vec::new() }.run(house)
}

fn targets(house: &House) -> Result<Vec<String>> {
    let folder = house.root().join("proxy/fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut targets: Vec<_> = files.filter_map(|file| stem(file.ok()?.path())).collect();
    targets.sort();
    Ok(targets)
}

/// Builds them; returns the folder in which they then are.
fn build(house: &House) -> Result<PathBuf> {
    let cargo_fuzz = FUZZ.provide(house)?;
    let folder = house.target().join("fuzz");
    let version = program("rustc").arg("-vV").read()?;
    let machine = version.lines().find_map(|line| line.strip_prefix("host: "));
    let machine = machine.context("rustc does not say which machine it is on")?;
    // Without a sanitizer: there is no unsafe code in what they reach, and sanitizers need another compiler.
    program(cargo_fuzz)
        .args(["fuzz", "build", "--sanitizer=none", "--fuzz-dir=proxy/fuzz", "--target", machine])
        .arg("--target-dir")
        .arg(&folder)
        .run()?;
    Ok(folder.join(machine).join("release"))
}

struct Running<'a> {
    target: &'a str,
    child: Child,
    log: PathBuf,
    found: PathBuf,
}

impl<'a> Running<'a> {
    fn start(house: &House, built: &Path, target: &'a str, seconds: u32) -> Result<Self> {
        let folder = house.target().join("fuzz");
        let (corpus, found) = (folder.join("corpus").join(target), folder.join("found").join(target));
        for folder in [&corpus, &found] {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let log = folder.join(target).with_extension("log");
        let written =
            fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        eprintln!("fuzz: {target}, for {seconds} s");
        let mut command = Command::new(built.join(target));
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_MAX}"))
            .arg("-timeout=5")
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(&corpus)
            .arg(house.root().join("proxy/fuzz/seeds").join(target));
        let child = command.stdout(Stdio::null()).stderr(written).spawn();
        let child = child.with_context(|| format!("the target {target} cannot be run"))?;
        Ok(Self { target, child, log, found })
    }

    /// Waits for its end; says what broke it, if something did.
    fn finish(mut self) -> Result<Option<String>> {
        let status = self.child.wait().with_context(|| format!("{} cannot be waited for", self.target))?;
        let log = fs::read(&self.log).with_context(|| format!("{} cannot be read", self.log.display()))?;
        let log = String::from_utf8_lossy(&log);
        let runs = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        if status.success() {
            // One that tried nothing has found nothing.
            let runs =
                runs.map(str::trim).with_context(|| format!("{} does not say what it tried", self.target))?;
            eprintln!("fuzz: {} is unbroken after {runs} tries", self.target);
            return Ok(None);
        }
        let said = log.lines().find(|line| line.contains("panicked at")).unwrap_or("it ended with an error");
        Ok(Some(format!(
            "{} is broken: {said}; what broke it is in {}, all it said in {}",
            self.target,
            self.found.display(),
            self.log.display()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else a target would begin with nothing, and hardly get anywhere in a minute.
    #[test]
    fn every_target_has_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let targets = fs::read_dir(root.join("fuzz_targets")).unwrap();
        for target in targets {
            let seeds = root.join("seeds").join(target.unwrap().path().file_stem().unwrap());
            assert!(fs::read_dir(&seeds).unwrap().count() >= 2, "{}", seeds.display());
        }
    }
}
