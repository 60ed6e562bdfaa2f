//! Which request goes where.

pub(crate) mod answer; // what the edge answers itself
pub(crate) mod compress; // which responses are made smaller
pub(crate) mod mirror; // who is sent copies
mod upgrades; // what a connection may be switched to

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use edgeloom_core::compress::Compression;
use edgeloom_core::condition::{Condition, HostPattern, PathPattern, ValuePattern};
use edgeloom_core::ids::{ClusterId, FilterId};
use edgeloom_core::limits::CHAIN_MAX;
use edgeloom_core::units::Bytes;
use http::{HeaderName, Method};
use serde_json::{Value, json};

use crate::limits::BodySize;
use crate::names::Name;
use crate::problem::{Problem, Problems};
use crate::resolve::Known;
use crate::tree::{At, Span};
use crate::written::{Entries, Field, Leaf, List, OneOf, OneOrMany, meant, plain, texts};
use crate::{Config, raw};

use answer::Answer;
use mirror::Mirror;
pub(crate) use upgrades::Protocol;
pub use upgrades::Upgrades;

/// Conditions, and what happens to the requests that meet them.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub name: String,
    pub when: Condition,
    pub chain: Vec<Link>,
    /// The largest body of a request, where it is not what the limits say.
    pub body: Option<Bytes>,
    pub target: Target,
    pub compression: Option<Compression>,
    pub upgrades: Upgrades,
    pub mirror: Option<Mirror>,
}

/// Who answers, if no filter decides otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Cluster(ClusterId),
    /// The edge itself.
    Answer(Box<Answer>),
}

/// One filter of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub filter: FilterId,
    /// Decided natively: where it does not hold, the filter is not called.
    pub when: Condition,
}

impl Route {
    pub(crate) fn resolve(
        raw: raw::Route,
        span: Span,
        known: &Known,
        folder: &Path,
        problems: &mut Problems,
    ) -> Option<Self> {
        let name = raw.name.map(|name| name.value.0);
        let when = raw.when.and_then(|when| condition(when.value, problems));
        let chain = raw.filters.and_then(|chain| chain_of(name.as_deref(), chain, known, problems));
        let target = target_of(raw.to?, raw.answer?, span, known, folder, problems);
        let upgrades = raw.upgrades.and_then(|upgrades| Upgrades::resolve(upgrades.value, problems));
        let body = raw.body.map(|body| body.value.map(|size| size.0));
        let compression = raw.compress.and_then(|compress| compress::resolve(compress.value));
        let mirror = raw.mirror.and_then(|mirror| match mirror.value {
            Some(mirror) => Mirror::resolve(mirror, known, problems).map(Some),
            None => Some(None),
        });
        Some(Self {
            name: name?,
            when: when?,
            chain: chain?,
            body: body?,
            target: target?,
            compression: compression?,
            upgrades: upgrades?,
            mirror: mirror?,
        })
    }

    pub(crate) fn write(&self, config: &Config) -> raw::Route {
        let (to, answer) = match &self.target {
            Target::Cluster(cluster) => (config.clusters.get(cluster.index()), None),
            Target::Answer(answer) => (None, Some(answer.write())),
        };
        let chain = self.chain.iter().map(|link| link.write(config));
        raw::Route {
            name: meant(Name(self.name.clone())),
            when: meant(write_condition(&self.when)),
            filters: meant(List(chain.map(At::unwritten).collect())),
            body: meant(self.body.map(BodySize)),
            to: meant(to.map(|cluster| Name(cluster.name.clone()))),
            answer: meant(answer),
            compress: meant(compress::write(self.compression.as_ref())),
            upgrades: meant(self.upgrades.write()),
            mirror: meant(self.mirror.map(|mirror| mirror.write(config))),
        }
    }
}

impl Link {
    fn write(&self, config: &Config) -> OneOf<Name, raw::Link> {
        let filter = config.filters.get(self.filter.index()).map(|filter| Name(filter.name.clone()));
        match filter {
            Some(name) if self.when.is_always() => OneOf::Short(name),
            filter => OneOf::Full(raw::Link {
                filter: filter.and_then(meant),
                when: meant(write_condition(&self.when)),
            }),
        }
    }
}

fn target_of(
    to: At<Option<Name>>,
    answer: At<Option<answer::Own>>,
    span: Span,
    known: &Known,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Target> {
    match (to.value, answer.value) {
        (Some(cluster), None) => {
            known.clusters.find(&cluster, to.span, problems).map(|id| Target::Cluster(ClusterId(id)))
        }
        (None, Some(value)) => {
            let answer = Answer::resolve(At { value, span: answer.span }, folder, problems)?;
            Some(Target::Answer(Box::new(answer)))
        }
        (cluster, _) => {
            problems.push(span, Problem::Target { both: cluster.is_some() });
            None
        }
    }
}

type RawChain = List<OneOf<Name, raw::Link>>;

fn chain_of(
    route: Option<&str>,
    raw: At<RawChain>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Vec<Link>> {
    let length = raw.value.0.len();
    if length > CHAIN_MAX {
        let route = route.unwrap_or_default().to_owned();
        problems.push(raw.span, Problem::ChainTooLong { route, length, most: CHAIN_MAX });
    }
    let links: Vec<Option<Link>> =
        raw.value.0.into_iter().map(|link| link_of(link, known, problems)).collect();
    links.into_iter().collect()
}

fn link_of(raw: At<OneOf<Name, raw::Link>>, known: &Known, problems: &mut Problems) -> Option<Link> {
    let (name, when) = match raw.value {
        OneOf::Short(value) => (Some(At { value, span: raw.span }), Some(Condition::default())),
        OneOf::Full(link) => (link.filter, link.when.and_then(|when| condition(when.value, problems))),
    };
    let filter = name.and_then(|name| known.filters.find(&name.value, name.span, problems));
    Some(Link { filter: FilterId(filter?), when: when? })
}

fn condition(raw: raw::When, problems: &mut Problems) -> Option<Condition> {
    let hosts = each_once("the host", raw.host, problems);
    let paths = each_once("the path", raw.path, problems);
    let methods = each_once("the method", raw.method, problems);
    let headers = each_named(raw.headers, problems);
    let query = each_named(raw.query, problems);
    let query = query.map(|query| query.into_iter().map(|(name, value)| (name.0, value)).collect());
    Some(Condition { hosts: hosts?, paths: paths?, methods: methods?, headers: headers?, query: query? })
}

/// Alternatives, none of them twice.
fn each_once<T: Leaf>(
    what: &'static str,
    raw: Field<OneOrMany<T>>,
    problems: &mut Problems,
) -> Option<Vec<T>> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut kept = Vec::new();
    for At { value, span } in raw?.value.0 {
        let item = plain(&value);
        match seen.get(&item) {
            Some(first) => {
                let problem = Problem::Repeated { what, item, remedy: "once is enough" };
                problems.again(span, problem, *first);
            }
            None => {
                seen.insert(item, span);
                kept.push(value);
            }
        }
    }
    Some(kept)
}

/// Names with patterns. Two spellings of one header are the same name.
fn each_named<K: Leaf, V>(raw: Field<Entries<K, V>>, problems: &mut Problems) -> Option<Vec<(K, V)>> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut kept = Vec::new();
    for (At { value: name, span }, value) in raw?.value.0 {
        let item = plain(&name);
        if let Some(first) = seen.get(&item) {
            let remedy = "a pattern `~ …` can ask for several things of one value";
            problems.again(span, Problem::Repeated { what: "the name", item, remedy }, *first);
        } else {
            seen.insert(item, span);
        }
        kept.push((name, value?.value));
    }
    Some(kept)
}

fn write_condition(condition: &Condition) -> raw::When {
    let query = condition.query.iter().map(|(name, value)| (QueryName(name.clone()), value.clone()));
    raw::When {
        host: meant(write_all(&condition.hosts)),
        path: meant(write_all(&condition.paths)),
        method: meant(write_all(&condition.methods)),
        headers: meant(write_named(condition.headers.iter().cloned())),
        query: meant(write_named(query)),
    }
}

fn write_all<T: Clone>(items: &[T]) -> OneOrMany<T> {
    OneOrMany(items.iter().cloned().map(At::unwritten).collect())
}

fn write_named<K, V>(entries: impl Iterator<Item = (K, V)>) -> Entries<K, V> {
    let named = |(name, value)| (At::unwritten(name), meant(value));
    Entries(entries.map(named).collect())
}

impl Default for raw::When {
    fn default() -> Self {
        write_condition(&Condition::default())
    }
}

/// The name of a query parameter: any text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct QueryName(pub(crate) String);

impl FromStr for QueryName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for QueryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    HostPattern = "a host" like "*.shop.example";
    PathPattern = "a path" like "/cart/*";
    HeaderName = "a header's name" like "x-beta"
        or "letters, digits and `-`, such as `x-beta`";
    QueryName = "a parameter's name" like "page";
}

impl Leaf for Method {
    const NAME: &'static str = "a method";
    const EXAMPLE: &'static str = "GET";

    fn parse(text: &str) -> Result<Self, String> {
        let capitals = text.to_ascii_uppercase();
        match Self::from_bytes(text.as_bytes()) {
            Ok(method) if text == capitals => Ok(method),
            Ok(_) => Err(format!("methods are in capitals: `{capitals}`")),
            Err(_) => Err("a word in capitals, such as `GET`".to_owned()),
        }
    }

    fn show(&self) -> Value {
        self.as_str().into()
    }

    fn schema() -> Value {
        json!({ "type": "string", "examples": ["GET", "POST"], "pattern": "^[A-Z-]+$" })
    }
}

/// Numbers and `true` are taken as they are written: `x-version: 2`.
impl Leaf for ValuePattern {
    const NAME: &'static str = "what a value must be";
    const EXAMPLE: &'static str = "~ ^v[0-9]+$";

    fn parse(text: &str) -> Result<Self, String> {
        // What is left of `x: !` without quotes.
        if text.is_empty() {
            return Err("put `!` and `*` in quotes; for an empty value write `~ ^$`".to_owned());
        }
        text.parse().map_err(|error: <Self as FromStr>::Err| error.to_string())
    }

    fn show(&self) -> Value {
        self.to_string().into()
    }

    fn schema() -> Value {
        json!({ "type": ["string", "number", "boolean"], "examples": ["*", "!", "1", Self::EXAMPLE] })
    }
}
