//! Everything an operator meant.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::limits::WorkerCount;
use crate::problem::Problem;
use crate::written::{Leaf, words};
use crate::{Answers, Cluster, Dns, Filter, Limits, Listener, Module, Route};

/// A configuration, as meant: every name is known to exist, every default is
/// filled in, every path is absolute. Nothing that it names was opened yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// At least one.
    pub listeners: Vec<Listener>,
    /// Where the operator asks; `None` if switched off.
    pub admin: Option<SocketAddr>,
    pub workers: Workers,
    pub access_log: AccessLog,
    /// How long a shutdown waits for exchanges.
    pub drain: Duration,
    /// What a client may take.
    pub limits: Limits,
    pub cache: Cache,
    pub geo: Option<GeoSource>,
    pub answers: Answers,
    pub modules: Vec<Module>,
    /// In the order of the file: a `FilterId` is a position in here.
    pub filters: Vec<Filter>,
    /// How the names of endpoints are looked up.
    pub dns: Dns,
    /// In the order of the file: a `ClusterId` is a position in here.
    pub clusters: Vec<Cluster>,
    /// In the order of the file: a `RouteId` is a position in here. At least one.
    pub routes: Vec<Route>,
}

impl Config {
    /// What concerns the process as a whole: without modules, filters, clusters and routes.
    #[must_use]
    pub fn of_process(&self) -> Self {
        Self {
            listeners: self.listeners.clone(),
            admin: self.admin,
            workers: self.workers,
            access_log: self.access_log.clone(),
            drain: self.drain,
            limits: self.limits,
            cache: self.cache.clone(),
            geo: self.geo.clone(),
            answers: Answers::default(),
            modules: Vec::new(),
            filters: Vec::new(),
            dns: Dns::default(),
            clusters: Vec::new(),
            routes: Vec::new(),
        }
    }
}

/// How many threads serve requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One for each core of the machine.
    Cores,
    Count(NonZeroU32),
}

impl Workers {
    /// The number of threads on a machine with so many cores.
    pub fn count(self, cores: NonZeroUsize) -> NonZeroUsize {
        match self {
            Self::Cores => cores,
            Self::Count(count) => count.try_into().unwrap_or(NonZeroUsize::MAX),
        }
    }
}

/// Where the line about each exchange goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    Off,
    File(PathBuf),
}

/// Where compiled modules are kept from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// In the cache folder of the user that runs the edge.
    User,
    Off,
    Folder(PathBuf),
}

impl Cache {
    /// The folder, if there is one. `environment` looks up an environment variable.
    pub fn folder(&self, environment: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        // The XDG specification: what is not absolute is to be ignored.
        let set = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
        match self {
            Self::Off => None,
            Self::Folder(folder) => Some(folder.clone()),
            Self::User => set("XDG_CACHE_HOME")
                .or_else(|| set("HOME").map(|home| home.join(".cache")))
                .map(|cache| cache.join("edgeloom")),
        }
    }
}

/// The files of the geo database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeoSource {
    /// City or Country layout.
    pub database: PathBuf,
    pub asn: Option<PathBuf>,
}

/// `off`, where something can be switched off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Off {
    Off,
}

words! {
    Off = "`off`" or "a map, such as `{ bind: 127.0.0.1:9901 }`" { "off" => Off::Off }
}

impl Leaf for AccessLog {
    const NAME: &'static str = "`stdout`, `off` or a file";
    const EXAMPLE: &'static str = "file:/var/log/edgeloom.log";

    fn parse(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("file:")) {
            ("stdout", _) => Ok(Self::Stdout),
            ("off", _) => Ok(Self::Off),
            (_, Some(path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err("write `stdout`, `off`, or `file:` and a path".to_owned()),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::Stdout => "stdout".into(),
            Self::Off => "off".into(),
            Self::File(path) => format!("file:{}", path.display()).into(),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^(stdout|off|file:.+)$", "examples": ["stdout", "off", Self::EXAMPLE] })
    }
}

impl Leaf for Cache {
    const NAME: &'static str = "a folder, `user` or `off`";
    const EXAMPLE: &'static str = "/var/cache/edgeloom";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("write a folder, `user` or `off`".to_owned()),
            "user" => Ok(Self::User),
            "off" => Ok(Self::Off),
            folder => Ok(Self::Folder(folder.into())),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::User => "user".into(),
            Self::Off => "off".into(),
            Self::Folder(folder) => folder.display().to_string().into(),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "examples": ["user", "off", Self::EXAMPLE] })
    }
}

/// [`Workers`], as written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Threads {
    Cores,
    Count(WorkerCount),
}

impl Threads {
    pub(crate) fn resolve(self) -> Option<Workers> {
        match self {
            Self::Cores => Some(Workers::Cores),
            Self::Count(WorkerCount(count)) => NonZeroU32::new(count).map(Workers::Count),
        }
    }
}

impl From<Workers> for Threads {
    fn from(workers: Workers) -> Self {
        match workers {
            Workers::Cores => Self::Cores,
            Workers::Count(count) => Self::Count(WorkerCount(count.get())),
        }
    }
}

impl Leaf for Threads {
    const NAME: &'static str = "`cores` or a whole number";
    const EXAMPLE: &'static str = "2";

    fn parse(text: &str) -> Result<Self, String> {
        let count = |text| WorkerCount::parse(text).map(Self::Count);
        let wanted = |_not_a_number| "write `cores` for one thread on each, or how many".to_owned();
        if text == "cores" { Ok(Self::Cores) } else { count(text).map_err(wanted) }
    }

    fn check(&self, text: &str) -> Result<(), Problem> {
        match self {
            Self::Cores => Ok(()),
            Self::Count(count) => count.check(text),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::Cores => "cores".into(),
            Self::Count(count) => Leaf::show(count),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [{ "enum": ["cores"] }, <WorkerCount as Leaf>::schema()] })
    }
}
