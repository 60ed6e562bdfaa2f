//! What a module says of itself, for `edgeloom inspect`.

use std::fmt;

use edgeloom_core::digest::Digest;
use edgeloom_core::units::Bytes;

use crate::filter::Phases;
use crate::grants::{CONTRACT, Want};
use crate::verify::Module;

/// What can be told of a module without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub digest: Digest,
    pub size: Bytes,
    /// A core module that embeds the contract, rather than a component.
    pub raw: bool,
    pub phases: Phases,
    pub wants: Vec<Want>,
}

impl From<&Module> for Inspection {
    fn from(module: &Module) -> Self {
        Self {
            digest: module.digest,
            size: module.size,
            raw: module.raw,
            phases: module.phases,
            wants: module.wants.clone(),
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: Vec<&str> = [("request", self.phases.request), ("response", self.phases.response)]
            .into_iter()
            .filter_map(|(name, there)| there.then_some(name))
            .collect();
        let wants: Vec<&str> = self.wants.iter().map(|want| want.name()).collect();
        let wants = if wants.is_empty() { "nothing".to_owned() } else { wants.join(", ") };
        let format = if self.raw { "core module (made a component when loaded)" } else { "component" };
        writeln!(f, "contract  {CONTRACT}")?;
        writeln!(f, "format    {format}")?;
        writeln!(f, "size      {}", self.size)?;
        writeln!(f, "sha256    {}", self.digest)?;
        writeln!(f, "phases    {}", phases.join(", "))?;
        write!(f, "wants     {wants}")
    }
}
