//! Which guests run, with what settings, and what they may.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use edgeloom_core::fault::OnFault;
use edgeloom_core::ids::ClusterId;
use edgeloom_core::limits::SETTINGS_MAX;
use edgeloom_core::units::Bytes;
use serde_json::Value;

use crate::limits::{Deadline, Memory, Reuse};
use crate::names::Name;
use crate::problem::{Problem, Problems};
use crate::resolve::Known;
use crate::tree::{At, Span};
use crate::written::{List, OneOf, meant, texts, words};
use crate::{Config, raw};

/// A module with settings, grants and budgets.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub name: String,
    /// The position of its module in [`Config::modules`].
    pub module: usize,
    /// Opaque here: the guest reads and checks them. `null` where there are none.
    pub settings: Value,
    pub grants: Grants,
    /// How long one call may take.
    pub deadline: Duration,
    /// How much memory one instance may have.
    pub memory: Bytes,
    pub on_fault: OnFault,
    pub instances: Instances,
    /// Where the filter is written, for messages about it.
    pub place: Place,
}

/// What a filter may do beyond reading and editing what it is lent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    pub geo: bool,
    pub log: bool,
    pub tls: bool,
    pub clusters: Vec<ClusterId>,
}

/// Whether an instance serves one call or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instances {
    Fresh,
    /// At most so many are kept warm.
    Reuse(u32),
}

/// A place in a configuration file. Shown as `edge.yaml:12:3`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl Filter {
    pub(crate) fn resolve(
        name: &At<Name>,
        raw: raw::Filter,
        file: &Path,
        known: &Known,
        problems: &mut Problems,
    ) -> Option<Self> {
        let At { value: Name(name), span } = name.clone();
        let module = raw.module.and_then(|module| known.modules.find(&module.value, module.span, problems));
        let grants = raw.grants.and_then(|grants| Grants::resolve(&name, &grants.value, known, problems));
        let settings = raw.settings.and_then(|settings| bounded(&name, settings, problems));
        let instances = raw.instances.and_then(|instances| match instances.value {
            OneOf::Short(Fresh::Fresh) => Some(Instances::Fresh),
            OneOf::Full(warm) => Some(Instances::Reuse(warm.reuse?.value.0)),
        });
        Some(Self {
            name,
            module: usize::try_from(module?).ok()?,
            settings: settings?,
            grants: grants?,
            deadline: raw.deadline?.value.0,
            memory: raw.memory?.value.0,
            on_fault: raw.on_fault?.value,
            instances: instances?,
            place: Place { file: file.to_owned(), line: span.line, column: span.column },
        })
    }

    pub(crate) fn write(&self, config: &Config) -> raw::Filter {
        let module = config.modules.get(self.module).map(|module| Name(module.name.clone()));
        raw::Filter {
            module: module.and_then(meant),
            settings: meant(raw::Settings(self.settings.clone())),
            grants: meant(self.grants.write(config)),
            deadline: meant(Deadline(self.deadline)),
            memory: meant(Memory(self.memory)),
            on_fault: meant(self.on_fault),
            instances: meant(match self.instances {
                Instances::Fresh => OneOf::Short(Fresh::Fresh),
                Instances::Reuse(most) => OneOf::Full(raw::Warm { reuse: meant(Reuse(most)) }),
            }),
        }
    }
}

impl Grants {
    fn resolve(filter: &str, raw: &List<Grant>, known: &Known, problems: &mut Problems) -> Option<Self> {
        let mut grants = Self::default();
        let mut seen: HashMap<&Grant, Span> = HashMap::new();
        let mut clusters = Vec::new();
        for grant in &raw.0 {
            if let Some(first) = seen.insert(&grant.value, grant.span) {
                let item = grant.value.to_string();
                let problem = Problem::Repeated { what: "the grant", item, remedy: "once is enough" };
                problems.again(grant.span, problem, first);
            }
            match &grant.value {
                Grant::Log => grants.log = true,
                Grant::Tls => grants.tls = true,
                Grant::Geo if known.geo => grants.geo = true,
                Grant::Geo => problems.push(grant.span, Problem::NoGeoDatabase { filter: filter.to_owned() }),
                Grant::Cluster(name) => clusters.push(known.clusters.find(name, grant.span, problems)),
            }
        }
        grants.clusters =
            clusters.into_iter().map(|cluster| cluster.map(ClusterId)).collect::<Option<_>>()?;
        Some(grants)
    }

    fn write(&self, config: &Config) -> List<Grant> {
        let geo = self.geo.then_some(Grant::Geo);
        let log = self.log.then_some(Grant::Log);
        let tls = self.tls.then_some(Grant::Tls);
        let clusters = self.clusters.iter().filter_map(|id| config.clusters.get(id.index()));
        let clusters = clusters.map(|cluster| Grant::Cluster(Name(cluster.name.clone())));
        let grants = geo.into_iter().chain(log).chain(tls).chain(clusters);
        List(grants.map(At::unwritten).collect())
    }
}

/// Settings, if a guest would take them.
fn bounded(filter: &str, settings: At<raw::Settings>, problems: &mut Problems) -> Option<Value> {
    let length = settings.value.0.to_string().len();
    if length > SETTINGS_MAX {
        let problem = Problem::SettingsTooLong { filter: filter.to_owned(), length, most: SETTINGS_MAX };
        problems.push(settings.span, problem);
        return None;
    }
    Some(settings.value.0)
}

/// One permission, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Grant {
    Geo,
    Log,
    Tls,
    Cluster(Name),
}

/// A text that is not a grant.
#[derive(Debug, thiserror::Error)]
#[error("the grants are `geo`, `log`, `tls` and `cluster:<name>`")]
pub(crate) struct NotAGrant;

impl FromStr for Grant {
    type Err = NotAGrant;

    fn from_str(text: &str) -> Result<Self, NotAGrant> {
        match text.split_once(':') {
            None if text == "geo" => Ok(Self::Geo),
            None if text == "log" => Ok(Self::Log),
            None if text == "tls" => Ok(Self::Tls),
            Some(("cluster", name)) => name.parse().map(Self::Cluster).map_err(|_not_a_name| NotAGrant),
            _ => Err(NotAGrant),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Geo => f.write_str("geo"),
            Self::Log => f.write_str("log"),
            Self::Tls => f.write_str("tls"),
            Self::Cluster(name) => write!(f, "cluster:{name}"),
        }
    }
}

/// `fresh`, the short form of `instances`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fresh {
    Fresh,
}

texts! {
    Grant = "a grant" like "cluster:north" matching "^(geo|log|tls|cluster:[A-Za-z0-9][A-Za-z0-9._-]{0,63})$";
}

words! {
    Fresh = "`fresh`" or "a map, such as `{ reuse: 16 }`" { "fresh" => Fresh::Fresh }
    OnFault = "`fail` or `skip`" { "fail" => OnFault::Fail, "skip" => OnFault::Skip }
}
