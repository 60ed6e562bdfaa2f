//! What is measured.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// A configuration, and what happens to it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// No filter: what the proxy itself costs.
    Empty,
    /// The `headers` filter, a fresh instance for every call.
    One,
    /// All four filters, fresh instances.
    Fresh,
    /// All four filters, instances used again.
    Reuse,
    /// All four filters, fresh instances, and swaps all the time.
    Swaps,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [Self::Empty, Self::One, Self::Fresh, Self::Reuse, Self::Swaps];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::One => "one",
            Self::Fresh => "fresh",
            Self::Reuse => "reuse",
            Self::Swaps => "swaps",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Empty => "empty chain",
            Self::One => "one filter, fresh",
            Self::Fresh => "four filters, fresh",
            Self::Reuse => "four filters, reuse",
            Self::Swaps => "four, fresh, swapped",
        }
    }

    /// Its configuration file.
    pub(crate) fn file(self) -> PathBuf {
        let name = match self {
            Self::Empty => "passthrough.yaml",
            Self::One => "one-filter.yaml",
            Self::Fresh | Self::Reuse | Self::Swaps => "edge4.yaml",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
    }

    /// What it says otherwise than its file.
    pub(crate) fn adapt(self, text: &str) -> String {
        match self {
            Self::Reuse => text.replace("instances: fresh", "instances: { reuse: 32 }"),
            Self::Empty | Self::One | Self::Fresh | Self::Swaps => text.to_owned(),
        }
    }

    /// How many filters an exchange passes.
    pub(crate) fn filters(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One => 1,
            Self::Fresh | Self::Reuse | Self::Swaps => 4,
        }
    }

    pub(crate) fn swaps(self) -> bool {
        self == Self::Swaps
    }
}

#[cfg(test)]
mod tests {
    use edgeloom_testbed::Configuration;

    use super::*;

    #[test]
    fn each_scenario_has_a_configuration_with_its_filters() {
        for scenario in Scenario::ALL {
            let file = Configuration::read(&scenario.file()).unwrap();
            let adapted = file.with_text(scenario.adapt(file.text())).unwrap();
            let meant = adapted.meant();
            assert_eq!(meant.routes[0].chain.len(), scenario.filters(), "{scenario:?}");
            assert_eq!(meant.filters.len(), scenario.filters(), "{scenario:?}");
            assert_eq!(adapted.text() != file.text(), scenario == Scenario::Reuse);
        }
    }
}
