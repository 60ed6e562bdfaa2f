//! What it was measured on.

use std::fmt;
use std::fs;

use serde::Serialize;

/// The machine, as far as numbers depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
}

impl Machine {
    /// `cores` are those that we may use.
    pub(crate) fn look(cores: usize) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            processor: model(&read("/proc/cpuinfo")).unwrap_or("unknown processor").to_owned(),
            cores,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} cores, Linux {}", self.processor, self.cores, self.kernel)
    }
}

fn model(cpuinfo: &str) -> Option<&str> {
    cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_from_cpuinfo() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: Fast(R) Chip @ 2 GHz\n"),
            Some("Fast(R) Chip @ 2 GHz")
        );
        assert_eq!(model(""), None);
    }
}
