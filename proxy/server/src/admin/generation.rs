//! What runs, as JSON.

use edgeloom_core::fault::OnFault;
use edgeloom_core::units::show_duration;
use edgeloom_host::Instances;
use serde::Serialize;

use crate::generation::{Generations, Loaded, Occupied};

#[derive(Serialize)]
struct Shown<'a> {
    number: u64,
    since: String,
    age_seconds: u64,
    configuration_sha256: String,
    routes: usize,
    clusters: usize,
    filters: Vec<ShownFilter<'a>>,
    exchanges: usize,
    draining: Vec<Draining>,
}

#[derive(Serialize)]
struct ShownFilter<'a> {
    name: &'a str,
    module: &'a str,
    sha256: String,
    size: String,
    phases: Vec<&'static str>,
    grants: &'a [Box<str>],
    deadline: String,
    memory: String,
    on_fault: &'static str,
    instances: String,
    /// How often a call needed a new one.
    instances_made: u64,
    /// Beside what all filters of the module share.
    settings_memory: Option<String>,
}

/// An earlier generation that still has exchanges.
#[derive(Serialize)]
struct Draining {
    number: u64,
    exchanges: usize,
}

/// The running generation, and what still drains.
pub(super) fn show(generations: &Generations) -> String {
    let current = generations.current();
    let draining = generations.draining().into_iter();
    let shown = Shown {
        number: current.number,
        since: format!("{:.3}", current.time),
        age_seconds: current.born.elapsed().as_secs(),
        configuration_sha256: current.digest.to_string(),
        routes: current.routes(),
        clusters: current.clusters().len(),
        filters: current.filters.iter().map(filter).collect(),
        exchanges: generations.running(),
        draining: draining.map(|Occupied { number, exchanges }| Draining { number, exchanges }).collect(),
    };
    // Nothing in it can not be written as JSON.
    serde_json::to_string_pretty(&shown).map(|json| json + "\n").unwrap_or_default()
}

fn filter(loaded: &Loaded) -> ShownFilter<'_> {
    let filter = &loaded.filter;
    let phases = [("request", loaded.phases.request), ("response", loaded.phases.response)];
    ShownFilter {
        name: filter.name(),
        module: &loaded.module,
        sha256: filter.digest().to_string(),
        size: filter.module_size().to_string(),
        phases: phases.into_iter().filter_map(|(name, has)| has.then_some(name)).collect(),
        grants: &loaded.grants,
        deadline: show_duration(filter.deadline()),
        memory: filter.memory().to_string(),
        on_fault: match filter.on_fault() {
            OnFault::Skip => "skip",
            OnFault::Fail => "fail",
        },
        instances: match filter.instances() {
            Instances::Fresh => "fresh".to_owned(),
            Instances::Reuse(most) => format!("reuse {most}"),
        },
        instances_made: filter.instances_made(),
        settings_memory: filter.settings_memory().map(|memory| memory.to_string()),
    }
}
