//! What an edit changes, while requests keep coming.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Request, replace};

use super::Trial;

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("Swaps, while requests keep coming");
    edited_configuration(trial)?;
    replaced_module(trial)?;
    refused_configuration(trial)
}

/// The edge notices by itself: nobody tells it.
fn edited_configuration(trial: &mut Trial) -> Result<()> {
    let edited = trial.world.configuration.text().replace(GREETING, NEW_GREETING);
    ensure!(edited != trial.world.configuration.text(), "the configuration has no `{GREETING}` to edit");
    trial.world.edge.edit(|_| edited);
    let (took, asked) = trial.until(|trial| Ok(trial.greeting()?.as_deref() == Some("swapped")))?;
    let claim = format!(
        "an edited configuration answers after {took:?}; none of the {asked} requests meanwhile was lost"
    );
    trial.check(&claim, took < PATIENCE, || "it does not".to_owned());
    Ok(())
}

/// The same filter as another file: the old one leaves, and nothing else changes.
fn replaced_module(trial: &mut Trial) -> Result<()> {
    let module = trial.module("headers")?;
    let mut bytes = fs::read(&module)?;
    // A custom section: for people, says the specification, not for machines.
    bytes.extend(b"\0\x08\x04demo...");
    let before = trial.generation()?;
    replace(&module, &bytes)?;
    let (took, asked) = trial.until(|trial| {
        ensure!(trial.greeting()?.as_deref() == Some("swapped"), "a request went through the wrong filters");
        Ok(trial.generation()? > before)
    })?;
    let claim =
        format!("a replaced .wasm is live after {took:?}; none of the {asked} requests meanwhile was lost");
    trial.check(&claim, took < PATIENCE, || "it is not".to_owned());
    Ok(())
}

fn refused_configuration(trial: &mut Trial) -> Result<()> {
    let before = trial.generation()?;
    trial.world.edge.edit(|text| text.replace("to: south", "to: soth"));
    let said = trial.world.edge.reload();
    let still = trial.greeting()?;
    let holds = said.status() >= 400 && said.text().contains("soth") && trial.generation()? == before;
    let claim = "a configuration with a mistake is refused with its place, and changes nothing";
    trial.check(claim, holds && still.as_deref() == Some("swapped"), || {
        format!("{} {}", said.status(), said.text())
    });
    Ok(())
}

impl Trial {
    /// Asks until it is so; how long that took, and how many requests. [`PATIENCE`] is the longest.
    fn until(&self, is_so: impl Fn(&Self) -> Result<bool>) -> Result<(Duration, u32)> {
        let begun = Instant::now();
        let mut asked = 1;
        while !is_so(self)? && begun.elapsed() < PATIENCE {
            asked += 1;
        }
        Ok((Duration::from_millis(begun.elapsed().as_millis().try_into()?), asked))
    }

    fn greeting(&self) -> Result<Option<String>> {
        Ok(self.ask(Request::get("/"))?.response.header("x-served-by").map(str::to_owned))
    }

    fn generation(&self) -> Result<u64> {
        let answer: serde_json::Value = self.world.edge.ask(Request::get("/v1/generation")).try_json()?;
        answer
            .get("number")
            .and_then(serde_json::Value::as_u64)
            .context("the edge does not give its generation's number")
    }

    /// The file of this module, in the demo's own folder.
    fn module(&self, name: &str) -> Result<PathBuf> {
        let modules = &self.world.configuration.meant().modules;
        let module = modules.iter().find(|module| module.name == name);
        Ok(module.with_context(|| format!("the configuration has no module `{name}`"))?.path.clone())
    }
}

/// In the settings of the `headers` filter, in `config/edge.yaml`.
const GREETING: &str = "x-served-by: edgeloom";
const NEW_GREETING: &str = "x-served-by: swapped";

const PATIENCE: Duration = Duration::from_secs(20);
