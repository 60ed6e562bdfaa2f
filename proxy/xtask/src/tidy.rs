//! What no compiler checks: which crate may know which, sizes, names and words.

mod arrows;
mod files;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::command::{Execute, program};
use crate::house::House;

/// Checks dependency arrows, file sizes, file names and the glossary
///
///   arrows   who may depend on whom: the core on nobody, the host not on Pingora, filters on the SDK
///            alone (the tables are in proxy/xtask/src/tidy/arrows.rs)
///   sizes    no Rust file has more than 400 lines; the exceptions have reasons (tidy/files.rs)
///   names    no file is called utils, common, helpers, misc, manager, types or mod.rs
///   words    one word for one thing: those that the glossary turns down are not used (tidy/words.rs);
///            nothing cites an issue's number or names a folder of somebody's machine
///
/// Takes no time: run it before you commit.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Tidy {}

impl Tidy {
    #[expect(clippy::unused_self, reason = "a task like the others, without arguments so far")]
    pub(crate) fn run(&self, house: &House) -> Result<()> {
        check(house)?;
        eprintln!("tidy: nothing to tidy up");
        Ok(())
    }
}

/// Something that is not as it should be, and where.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    place: String,
    what: String,
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A text file of the repository, by its path below the root.
#[derive(Debug)]
struct Text {
    path: String,
    content: String,
}

/// Checks all of it.
///
/// # Errors
///
/// Where something is untidy, once all of it has been said.
pub(crate) fn check(house: &House) -> Result<()> {
    let texts = texts()?;
    let mut problems = arrows::problems(house.packages());
    problems.extend(files::problems(&texts));
    problems.extend(words::problems(&texts, house.root()));
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("one thing is untidy"),
        count => bail!("{count} things are untidy"),
    }
}

/// What git has, or would have after `git add`.
fn texts() -> Result<Vec<Text>> {
    let listed =
        program("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).read()?;
    let mut texts = Vec::new();
    for path in listed.split('\0').filter(|path| Path::new(path).is_file()) {
        let bytes = fs::read(path).with_context(|| format!("{path} cannot be read"))?;
        // What is no text has no words.
        if let Ok(content) = String::from_utf8(bytes) {
            texts.push(Text { path: path.to_owned(), content });
        }
    }
    Ok(texts)
}
