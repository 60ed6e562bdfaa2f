//! Ten thousand addresses through the edge, against the database itself.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::located::told;
use super::{Trial, get_from};
use crate::atlas::Atlas;
use crate::say;

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("The real database, through the edge and read directly");
    let databases = trial.world.databases.clone();
    let mut left = ADDRESSES;
    for (index, database) in databases.iter().enumerate() {
        let share = left / (databases.len() - index);
        left -= share;
        run_on(trial, database)?;
        compare(trial, database, share)?;
    }
    Ok(())
}

/// Swaps to that database, if the edge does not run on it already.
fn run_on(trial: &mut Trial, database: &Path) -> Result<()> {
    let running = trial.world.configuration.meant().geo.as_ref();
    let running = running.context("the configuration has no `geo` section")?.database.clone();
    trial.world.edge.edit(|_| {
        let text = trial.world.configuration.text();
        text.replace(&running.display().to_string(), &database.display().to_string())
    });
    let answer = trial.world.edge.reload();
    ensure!(answer.status() == 200, "{} is refused: {}", database.display(), answer.text());
    trial.atlas = Atlas::open(database)?;
    Ok(())
}

fn compare(trial: &mut Trial, database: &Path, count: usize) -> Result<()> {
    let addresses = trial.atlas.draw(count)?;
    let begun = Instant::now();
    let mut differences = Vec::new();
    let (mut countries, mut cities) = (0, 0);
    for address in &addresses {
        let expected = trial.atlas.spot(*address)?;
        let told = told(&trial.ask(get_from(*address, "/"))?.echo);
        countries += usize::from(expected.country.is_some());
        cities += usize::from(expected.city.is_some());
        if told != expected {
            differences.push(format!("{address}: the edge says {told:?}, the database {expected:?}"));
        }
    }
    let of_v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    say(&format!(
        "  {}: {of_v4} IPv4 and {} IPv6 addresses, {countries} with a country, {cities} with a city; {:.1} s",
        database.file_name().unwrap_or_default().display(),
        addresses.len() - of_v4,
        begun.elapsed().as_secs_f64()
    ));
    let claim = format!("{count} addresses: origins are told country and city as the database has them");
    let complete = addresses.len() == count && countries > 0;
    trial.check(&claim, complete && differences.is_empty(), || {
        let first: Vec<_> = differences.iter().take(10).map(String::as_str).collect();
        format!(
            "{} of {} differ, among them:\n    {}",
            differences.len(),
            addresses.len(),
            first.join("\n    ")
        )
    });
    Ok(())
}

/// Of all databases together.
const ADDRESSES: usize = 10_000;
