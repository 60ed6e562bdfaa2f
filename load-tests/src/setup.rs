//! Edgeloom as it is measured: with which filters, how they are instantiated, by how many workers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use edgeloom_testbed::Configuration;

use crate::rehearsal::{Duties, mark};

/// One configuration of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) filters: Filters,
    pub(crate) instances: Instances,
    pub(crate) workers: usize,
    /// Small filters in front of the others.
    pub(crate) small: usize,
    /// Turns of a loop that does nothing, in each call of a small filter.
    pub(crate) burn: u32,
    /// Bytes of settings that each small filter carries in its image.
    pub(crate) table: usize,
    pub(crate) says: Says,
}

/// What origins are told of who asks, beside what filters tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// Nothing, as it is with peers.
    Nothing,
    /// What the edge tells them where its configuration says nothing of it.
    Default,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    None,
    /// `headers`.
    One,
    /// The four-part job.
    Four,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instances {
    Fresh,
    Reuse,
}

/// What exists only in one run, on one machine.
pub(crate) struct Surroundings<'a> {
    pub(crate) north: SocketAddr,
    pub(crate) south: SocketAddr,
    pub(crate) filters: &'a Path,
    pub(crate) database: &'a Path,
    pub(crate) cache: &'a Path,
}

impl Setup {
    /// With one worker.
    pub(crate) const fn of(filters: Filters, instances: Instances) -> Self {
        Self { filters, instances, workers: 1, small: 0, burn: 0, table: 0, says: Says::Nothing }
    }

    pub(crate) fn small(count: usize, instances: Instances) -> Self {
        Self { small: count, ..Self::of(Filters::None, instances) }
    }

    pub(crate) fn duties(self) -> Duties {
        let marks = self.small;
        match self.filters {
            Filters::None => Duties { marks, ..Duties::default() },
            Filters::One => Duties { headers: true, marks, ..Duties::default() },
            Filters::Four => Duties { marks, ..Duties::ALL },
        }
    }

    /// The file that says it, but for addresses, paths and what is exchanged below.
    fn file(self) -> PathBuf {
        let name = match self.filters {
            Filters::None => "passthrough.yaml",
            Filters::One => "one-filter.yaml",
            Filters::Four => "edge4.yaml",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
    }

    pub(crate) fn configuration(self, around: &Surroundings<'_>) -> Result<Configuration> {
        let file = self.file();
        // The report is a text of many lines already.
        let or_report = |result: Result<Configuration, _>| match result {
            Ok(configuration) => Ok(configuration),
            Err(report) => bail!("{} is not a configuration:\n{report}", file.display()),
        };
        let written = or_report(Configuration::read(&file))?;
        let mut moved = BTreeMap::new();
        for cluster in &written.meant().clusters {
            let origin = if cluster.name == "north" { around.north } else { around.south };
            moved.extend(
                cluster.endpoints.iter().filter_map(|endpoint| Some((endpoint.address.ip()?, origin))),
            );
        }
        let small = or_report(written.with_text(self.adapt(written.text(), around.cache)))?;
        or_report(small.elsewhere(&moved, around.filters, around.database))
    }

    /// What it says otherwise than its file.
    fn adapt(self, text: &str, cache: &Path) -> String {
        let mut text = text.replace("workers: 1", &format!("workers: {}", self.workers));
        // Nobody else's: what lies there is compiled by this very binary.
        let _ = writeln!(text, "cache: {}", serde_json::Value::from(cache.to_string_lossy()));
        if self.says == Says::Default {
            text = text
                .lines()
                .filter(|line| !line.starts_with(FORWARDING))
                .fold(String::new(), |text, line| text + line + "\n");
        }
        if self.small > 0 {
            text = self.with_small(&text);
        }
        match self.instances {
            Instances::Fresh => text,
            Instances::Reuse => text.replace("instances: fresh", "instances: { reuse: 32 }"),
        }
    }

    /// With small filters in front of the chain.
    fn with_small(self, text: &str) -> String {
        let rows = vec!["x".repeat(ROW); self.table / ROW];
        let filter = |link| {
            let settings = serde_json::json!({ "mark": mark(link), "burn": self.burn, "table": rows });
            // In the time that burning may take.
            format!(
                "  small{link}: {{ module: small, instances: fresh, deadline: 1s, settings: {settings} }}\n"
            )
        };
        let filters: String = (0..self.small).map(filter).collect();
        let names: Vec<_> = (0..self.small).map(|link| format!("small{link}")).collect();
        let text = with_section(text, "modules", "  small: file:small.wasm\n");
        let text = with_section(&text, "filters", &filters);
        match text.split_once("    filters: [") {
            Some((before, after)) => format!("{before}    filters: [{}, {after}", names.join(", ")),
            None => {
                text.replace("    to: south", &format!("    filters: [{}]\n    to: south", names.join(", ")))
            }
        }
    }
}

/// With these lines in a section of the file, which may not be there yet.
fn with_section(text: &str, name: &str, lines: &str) -> String {
    match text.split_once(&format!("\n{name}:\n")) {
        Some((before, after)) => format!("{before}\n{name}:\n{lines}{after}"),
        None => format!("{text}\n{name}:\n{lines}"),
    }
}

/// In all files, a line.
const FORWARDING: &str = "    forwarding: ";

/// A line of a table of redirects, say.
const ROW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(setup: Setup) -> Configuration {
        let around = Surroundings {
            north: "127.0.0.1:1001".parse().unwrap(),
            south: "127.0.0.1:1002".parse().unwrap(),
            filters: Path::new("/filters"),
            database: Path::new("/city.mmdb"),
            cache: Path::new("/cache"),
        };
        setup.configuration(&around).unwrap()
    }

    #[test]
    fn each_setup_has_a_configuration_with_its_filters() {
        for (filters, count) in [(Filters::None, 0), (Filters::One, 1), (Filters::Four, 4)] {
            for instances in [Instances::Fresh, Instances::Reuse] {
                for small in [0, 1, 16] {
                    let setup = Setup { small, workers: 2, ..Setup::of(filters, instances) };
                    let configuration = configuration(setup);
                    let meant = configuration.meant();
                    assert_eq!(meant.routes[0].chain.len(), count + small, "{setup:?}");
                    assert_eq!(meant.filters.len(), count + small, "{setup:?}");
                    let reused = configuration.text().matches("{ reuse: 32 }").count();
                    assert_eq!(reused, if instances == Instances::Reuse { count + small } else { 0 });
                    assert!(configuration.text().contains("\nworkers: 2\n"));
                }
            }
        }
    }

    #[test]
    fn origins_are_told_nothing_or_what_they_are_told_by_default() {
        for filters in [Filters::None, Filters::One, Filters::Four] {
            let is_said = |says| {
                let configuration = configuration(Setup { says, ..Setup::of(filters, Instances::Fresh) });
                configuration.text().contains(FORWARDING)
            };
            assert!(is_said(Says::Nothing) && !is_said(Says::Default), "{filters:?}");
        }
    }

    #[test]
    fn origins_are_moved_and_tables_have_their_size() {
        let setup = Setup { table: 10 << 10, ..Setup::small(1, Instances::Fresh) };
        let configuration = configuration(setup);
        assert_eq!(configuration.meant().clusters[0].endpoints[0].address.ip().unwrap().port(), 1002);
        assert_eq!(configuration.text().matches('x').filter(|x| !x.is_empty()).count() >> 10, 10);
        let four = self::configuration(Setup::of(Filters::Four, Instances::Fresh));
        let ports: Vec<_> = four
            .meant()
            .clusters
            .iter()
            .map(|cluster| cluster.endpoints[0].address.ip().unwrap().port())
            .collect();
        assert_eq!(ports, [1001, 1002]);
    }
}
