//! Grant ↔ interface: the auditor's table.
//!
//! The component's imports are the request, the YAML's `grants:` the
//! permission, linking the check. Nothing outside this table can be imported.

pub(crate) mod geo;
pub(crate) mod log;
pub(crate) mod tls;

use std::fmt;
use std::sync::Arc;

use edgeloom_core::ids::ClusterId;

use crate::geo::Geo;

/// The package and version that this host speaks.
pub(crate) const CONTRACT: &str = "edgeloom:filter@0.1.0";

/// What the operator permits one filter.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Looking up where an address is.
    pub geo: Option<Arc<Geo>>,
    /// Writing to the proxy's log.
    pub log: bool,
    /// Asking how the connection is encrypted, and who the client showed itself to be.
    pub tls: bool,
    /// The clusters that the filter may send an exchange to, by name.
    pub clusters: Vec<(Box<str>, ClusterId)>,
}

/// A grant that a module can not do without, because it imports its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Want {
    Geo,
    Log,
    Tls,
}

impl Want {
    pub(crate) fn of_import(import: &str) -> Option<Self> {
        match import {
            "edgeloom:grants/geo@0.1.0" => Some(Self::Geo),
            "edgeloom:grants/log@0.1.0" => Some(Self::Log),
            "edgeloom:grants/tls@0.1.0" => Some(Self::Tls),
            _ => None,
        }
    }

    /// As it is written under `grants:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Geo => "geo",
            Self::Log => "log",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Grants {
    pub(crate) fn covers(&self, want: Want) -> bool {
        match want {
            Want::Geo => self.geo.is_some(),
            Want::Log => self.log,
            Want::Tls => self.tls,
        }
    }

    /// The cluster of this name, if the filter may choose it.
    pub(crate) fn cluster(&self, name: &str) -> Option<ClusterId> {
        self.clusters.iter().find(|(known, _)| &**known == name).map(|(_, id)| *id)
    }
}
