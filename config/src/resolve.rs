//! From what is written to what is meant: names become positions, and what
//! only the whole can tell is checked. Goes on after every problem.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use edgeloom_core::condition::Condition;

use crate::listener::Bind;
use crate::names::Names;
use crate::problem::{Problem, Problems};
use crate::tree::{At, Span};
use crate::written::{Entries, Field, List, OneOf};
use crate::{
    AccessLog, Answers, Cache, Cluster, Config, Dns, Filter, GeoSource, Limits, Listener, Module, Route, raw,
};

/// What the parts must know of the whole.
pub(crate) struct Known {
    pub(crate) modules: Names,
    pub(crate) filters: Names,
    pub(crate) clusters: Names,
    /// Whether there is a database to grant.
    pub(crate) geo: bool,
}

/// `file` is the configuration, for messages; relative paths begin at `folder`.
pub(crate) fn resolve(raw: raw::File, file: &Path, folder: &Path, problems: &mut Problems) -> Option<Config> {
    let known = Known {
        modules: Names::new("module", raw.modules.as_ref()),
        filters: Names::new("filter", raw.filters.as_ref()),
        clusters: Names::new("cluster", raw.clusters.as_ref()),
        geo: raw.geo.as_ref().is_none_or(|geo| geo.value.is_some()),
    };
    check_binds(&raw, problems);
    let modules = each(raw.modules, |name, raw| Module::resolve(name.value.0, &raw, folder));
    let filters = each(raw.filters, |name, raw| Filter::resolve(&name, raw, file, &known, problems));
    let clusters =
        each(raw.clusters, |name, raw| Cluster::resolve(name.value.0, raw, folder, &known, problems));
    let routes = raw.routes.and_then(|routes| routes_of(routes.value, &known, folder, problems));
    let dns = raw.dns.and_then(|dns| Dns::resolve(dns.value, problems));
    Some(Config {
        listeners: all(raw.listeners?.value.0, |raw| Listener::resolve(&raw.value, folder, problems))?,
        admin: match raw.admin?.value {
            OneOf::Short(_off) => None,
            OneOf::Full(admin) => Some(admin.bind?.value),
        },
        workers: raw.workers?.value.resolve()?,
        access_log: match raw.access_log?.value {
            AccessLog::File(path) => AccessLog::File(folder.join(path)),
            other @ (AccessLog::Stdout | AccessLog::Off) => other,
        },
        drain: raw.drain?.value.0,
        limits: Limits::resolve(&raw.limits?.value)?,
        cache: match raw.cache?.value {
            Cache::Folder(path) => Cache::Folder(folder.join(path)),
            other @ (Cache::User | Cache::Off) => other,
        },
        geo: raw.geo?.value.map_or(Some(None), |geo| geo_source(geo, folder).map(Some))?,
        answers: raw.answers.and_then(|answers| Answers::resolve(answers.value, folder))?,
        modules: modules?,
        filters: filters?,
        dns: dns?,
        clusters: clusters?,
        routes: routes?,
    })
}

/// All of a map, each seen even where one before it failed.
fn each<K, V, T>(
    raw: Field<Entries<K, V>>,
    mut resolve: impl FnMut(At<K>, V) -> Option<T>,
) -> Option<Vec<T>> {
    all(raw?.value.0, |(name, value)| resolve(name, value?.value))
}

fn all<R, T>(raw: Vec<R>, resolve: impl FnMut(R) -> Option<T>) -> Option<Vec<T>> {
    let resolved: Vec<Option<T>> = raw.into_iter().map(resolve).collect();
    resolved.into_iter().collect()
}

fn geo_source(raw: raw::Geo, folder: &Path) -> Option<GeoSource> {
    let asn = raw.asn?.value.map(|asn| folder.join(asn.0));
    Some(GeoSource { database: folder.join(raw.database?.value.0), asn })
}

/// No two may accept on the same address and port, nor on one that includes the other's.
fn check_binds(raw: &raw::File, problems: &mut Problems) {
    let listeners = raw.listeners.iter().flat_map(|listeners| &listeners.value.0);
    let listeners = listeners.filter_map(|listener| listener.value.bind.clone());
    let admin = raw.admin.as_ref().and_then(|admin| match &admin.value {
        OneOf::Short(_off) => None,
        OneOf::Full(admin) => {
            admin.bind.as_ref().map(|bind| At { value: Bind::Tcp(bind.value), span: bind.span })
        }
    });
    let mut seen: Vec<At<Bind>> = Vec::new();
    for bind in listeners.chain(admin) {
        if let Some(first) = seen.iter().find(|seen| seen.value.overlaps(&bind.value)) {
            let name = bind.value.to_string();
            if bind.is_unwritten() {
                problems.push(first.span, Problem::AdminBind { bind: name });
            } else {
                problems.again(bind.span, Problem::DuplicateBind { bind: name }, first.span);
            }
        }
        seen.push(bind);
    }
}

fn routes_of(
    raw: List<raw::Route, 1>,
    known: &Known,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Vec<Route>> {
    let mut names: HashMap<String, Span> = HashMap::new();
    let mut conditions: HashMap<Vec<String>, (String, Span)> = HashMap::new();
    all(raw.0, |At { value: raw, span }| {
        let span = raw.name.as_ref().map_or(span, |name| name.span);
        let name = raw.name.as_ref().map(|name| name.value.0.clone());
        let known_by_name = name.clone().and_then(|name| names.insert(name, span));
        if let (Some(first), Some(name)) = (known_by_name, name) {
            problems.again(span, Problem::DuplicateName { kind: "route", name }, first);
        }
        let route = Route::resolve(raw, span, known, folder, problems)?;
        match conditions.entry(asked(&route.when)) {
            Entry::Vacant(vacant) => {
                vacant.insert((route.name.clone(), span));
            }
            Entry::Occupied(first) if known_by_name.is_none() => {
                let (first, at) = first.get().clone();
                problems.again(span, Problem::SameRoute { first, second: route.name.clone() }, at);
            }
            Entry::Occupied(_) => {}
        }
        Some(route)
    })
}

/// What a condition asks for, in an order of its own: equal for conditions that
/// are met by the same requests, as far as that can be seen.
fn asked(when: &Condition) -> Vec<String> {
    let hosts = when.hosts.iter().map(|host| format!("host {host}"));
    let paths = when.paths.iter().map(|path| format!("path {path}"));
    let methods = when.methods.iter().map(|method| format!("method {method}"));
    let headers = when.headers.iter().map(|(name, value)| format!("header {name}: {value}"));
    let query = when.query.iter().map(|(name, value)| format!("query {name}={value}"));
    let mut asked: Vec<_> = hosts.chain(paths).chain(methods).chain(headers).chain(query).collect();
    // Any host, and any path, is as good as none.
    if asked.iter().any(|asked| asked == "host *") {
        asked.retain(|asked| !asked.starts_with("host "));
    }
    if asked.iter().any(|asked| asked == "path /*") {
        asked.retain(|asked| !asked.starts_with("path "));
    }
    asked.sort_unstable();
    asked
}
