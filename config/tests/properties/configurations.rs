//! Any configuration: as meant, with every reference to something that is there.

mod listeners; // where requests come in
mod clusters; // who answers

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use edgeloom_config::{
    AccessLog, Answer, Answers, Bind, Body, Cache, Cluster, Config, Dns, Filter, GeoSource, Grants,
    Instances, Link, Mirror, Module, Page, Place, Route, Target, Upgrades, Workers,
};
use edgeloom_core::compress::{Compression, MediaPattern};
use edgeloom_core::condition::{Condition, HostPattern, PathPattern, ValuePattern};
use edgeloom_core::digest::Digest;
use edgeloom_core::fault::OnFault;
use edgeloom_core::ids::{ClusterId, FilterId};
use edgeloom_core::page::Statuses;
use edgeloom_core::redirect::Redirect;
use edgeloom_core::units::{Bytes, Percent};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use listeners::{limits, listener};

pub(crate) fn configuration() -> impl Strategy<Value = Config> {
    let parts =
        (btree_map(name(), clusters::cluster(3), 1..4), btree_map(name(), module(), 1..3), option::of(geo()));
    parts.prop_flat_map(|(clusters, modules, geo)| {
        let (cluster_count, module_count) = (clusters.len(), modules.len());
        let filters = btree_map(name(), filter(module_count, cluster_count, geo.is_some()), 0..4);
        (Just(clusters), Just(modules), Just(geo), filters, whole()).prop_flat_map(
            |(clusters, modules, geo, filters, whole)| {
                let routes = btree_map(name(), route(filters.len(), clusters.len()), 1..5);
                routes.prop_map(move |routes| {
                    let config = Config { geo: geo.clone(), ..whole.clone() };
                    assemble(config, clusters.clone(), modules.clone(), filters.clone(), routes)
                })
            },
        )
    })
}

fn assemble(
    config: Config,
    clusters: BTreeMap<String, Cluster>,
    modules: BTreeMap<String, Module>,
    filters: BTreeMap<String, Filter>,
    routes: BTreeMap<String, Route>,
) -> Config {
    // No two routes may be for the same requests. A path of its own would not tell a route from
    // another where both are for every path as well; a query does, since all of it must be there.
    let route = |(number, (name, mut route)): (usize, (String, Route))| {
        route.when.query.push((format!("the-only-one-{number}"), ValuePattern::Present));
        Route { name, ..route }
    };
    let count = clusters.len();
    Config {
        clusters: clusters
            .into_iter()
            .enumerate()
            .map(|(at, (name, cluster))| clusters::placed(at, count, Cluster { name, ..cluster }))
            .collect(),
        modules: modules.into_iter().map(|(name, module)| Module { name, ..module }).collect(),
        filters: filters.into_iter().map(|(name, filter)| Filter { name, ..filter }).collect(),
        routes: routes.into_iter().enumerate().map(route).collect(),
        ..config
    }
}

fn whole() -> impl Strategy<Value = Config> {
    let workers = prop_oneof![
        Just(Workers::Cores),
        (1..=1024_u32).prop_map(|count| Workers::Count(NonZeroU32::new(count).unwrap())),
    ];
    let access_log =
        prop_oneof![Just(AccessLog::Stdout), Just(AccessLog::Off), path().prop_map(AccessLog::File)];
    let cache = prop_oneof![Just(Cache::User), Just(Cache::Off), path().prop_map(Cache::Folder)];
    // Ports above those of the listeners.
    let admin = option::of((any::<IpAddr>(), 30_000..40_000_u16).prop_map(SocketAddr::from));
    let drain = duration(0, 3_600_000_000);
    let said = (answers(), limits(), dns());
    (vec(listener(), 1..4), admin, workers, access_log, drain, cache, said).prop_map(
        |(mut listeners, admin, workers, access_log, drain, cache, (answers, limits, dns))| {
            for (listener, port) in listeners.iter_mut().zip(8080..) {
                match &mut listener.bind {
                    Bind::Tcp(address) => address.set_port(port),
                    Bind::Unix(path) => path.push(port.to_string()),
                }
            }
            Config {
                listeners,
                admin,
                workers,
                access_log,
                drain,
                limits,
                cache,
                geo: None,
                answers,
                modules: Vec::new(),
                filters: Vec::new(),
                dns,
                clusters: Vec::new(),
                routes: Vec::new(),
            }
        },
    )
}

fn dns() -> impl Strategy<Value = Dns> {
    let refresh = (duration(100_000, 60_000_000), duration(60_000_000, 3_600_000_000));
    (vec(address(), 0..3), duration(10_000, 30_000_000), refresh).prop_map(
        |(servers, timeout, (refresh_min, refresh_max))| Dns { servers, timeout, refresh_min, refresh_max },
    )
}

fn geo() -> impl Strategy<Value = GeoSource> {
    (path(), option::of(path())).prop_map(|(database, asn)| GeoSource { database, asn })
}

fn module() -> impl Strategy<Value = Module> {
    let digest = option::of(any::<[u8; 32]>().prop_map(Digest));
    (path(), digest, 1..=32 * 1024 * 1024_u64).prop_map(|(path, sha256, size)| Module {
        name: String::new(),
        path,
        sha256,
        size_max: Bytes(size),
    })
}

fn filter(modules: usize, clusters: usize, geo: bool) -> impl Strategy<Value = Filter> {
    let ids: Vec<_> = (0..).map(ClusterId).take(clusters).collect();
    let grants = (any::<bool>(), any::<bool>(), any::<bool>(), subsequence(ids, 0..=clusters))
        .prop_map(move |(asked, log, tls, clusters)| Grants { geo: geo && asked, log, tls, clusters });
    let instances = prop_oneof![Just(Instances::Fresh), (1..=256_u32).prop_map(Instances::Reuse)];
    let on_fault = select(vec![OnFault::Fail, OnFault::Skip]);
    let budgets = (duration(1_000, 1_000_000), 64 * 1024..=64 * 1024 * 1024_u64);
    (0..modules, settings(), grants, budgets, on_fault, instances).prop_map(
        |(module, settings, grants, (deadline, memory), on_fault, instances)| Filter {
            name: String::new(),
            module,
            settings,
            grants,
            deadline,
            memory: Bytes(memory),
            on_fault,
            instances,
            place: Place::default(),
        },
    )
}

/// JSON of every kind, with texts that YAML could take for something else.
fn settings() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn route(filters: usize, clusters: usize) -> impl Strategy<Value = Route> {
    let link = (0..filters.max(1), prop_oneof![Just(Condition::default()), condition()])
        .prop_map(|(filter, when)| Link { filter: FilterId(u32::try_from(filter).unwrap()), when });
    let chain = vec(link, 0..=if filters == 0 { 0 } else { 4 });
    let protocols = vec(select(vec!["websocket", "spdy", "tcp"]), 0..3).prop_map(once);
    let upgrades = (protocols, duration(1_000, 3_600_000_000)).prop_map(|(protocols, idle)| Upgrades {
        protocols: protocols.into_iter().map(str::to_owned).collect(),
        idle,
    });
    let cluster =
        (0..clusters).prop_map(|cluster| Target::Cluster(ClusterId(u32::try_from(cluster).unwrap())));
    let target = prop_oneof![cluster, answer().prop_map(|answer| Target::Answer(Box::new(answer)))];
    let mirror = (0..clusters, 0..=100_u32).prop_map(|(cluster, share)| Mirror {
        cluster: ClusterId(u32::try_from(cluster).unwrap()),
        share: Percent(share),
    });
    let body = option::of(any::<u32>().prop_map(|size| Bytes(size.into())));
    (condition(), chain, body, target, option::of(compression()), upgrades, option::of(mirror)).prop_map(
        |(when, chain, body, target, compression, upgrades, mirror)| Route {
            name: String::new(),
            when,
            chain,
            body,
            target,
            compression,
            upgrades,
            mirror,
        },
    )
}

fn compression() -> impl Strategy<Value = Compression> {
    let kind = parsed::<MediaPattern>(r"[a-z]{1,4}/([a-z]{1,4}|\*|\*\+[a-z]{1,4})");
    (vec(kind, 1..4), 0..=1024 * 1024_u64, 0..=12_u32, 0..=9_u32, 0..=9_u32)
        .prop_map(|(types, least, zstd, br, gzip)| Compression { types, least, zstd, br, gzip })
}

fn answer() -> impl Strategy<Value = Answer> {
    let body = prop_oneof![
        Just(Body::None),
        text().prop_map(Body::Text),
        path().prop_map(Body::File),
        parsed::<Redirect>(r"https://\$\{host\}\$\{target\}|/[a-z]{1,4}\$\{path\}\?\$\{query\}")
            .prop_map(Body::Redirect),
    ];
    let header = ("[a-z]{1,8}", "[!-~]{0,8}");
    (body, vec(header, 0..3), select(vec![200, 404, 599])).prop_map(|(body, headers, status)| {
        let status = if matches!(body, Body::Redirect(_)) { 301 } else { status };
        let headers = headers.into_iter().enumerate().map(|(at, (name, value))| {
            (numbered(&name.parse().unwrap(), at), value.parse::<HeaderValue>().unwrap())
        });
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: headers.collect(), body }
    })
}

fn answers() -> impl Strategy<Value = Answers> {
    let page = || (option::of(path()), option::of(path())).prop_map(|(html, json)| Page { html, json });
    let statuses = prop_oneof![(400..600_u16).prop_map(Statuses::One), (4..6_u16).prop_map(Statuses::Class)];
    (page(), btree_map(statuses, page(), 0..3), 1..3600_u64).prop_map(|(page, pages, seconds)| Answers {
        page,
        pages: pages.into_iter().collect(),
        retry_after: Duration::from_secs(seconds),
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let host = parsed::<HostPattern>(r"\*|(\*\.)?[a-zA-Z0-9_-]{1,8}(\.[a-z]{1,5}){0,2}|\[[0-9a-f]{1,4}::\]");
    let path = parsed::<PathPattern>(r"/[a-z0-9%é .~+\\-]{0,9}(/\*)?|~ (\^/[a-z]{1,4}(\[0-9\]\+|\\d)?\$?)");
    let method = select(vec![Method::GET, Method::POST, Method::DELETE, "PURGE".parse().unwrap()]);
    let header = "[a-z][a-z0-9-]{0,8}".prop_map(|name| name.parse::<HeaderName>().unwrap());
    let value = text().prop_filter_map("not a value", |text| {
        text.parse::<ValuePattern>().ok().filter(|_| !text.is_empty())
    });
    let value = prop_oneof![value, parsed::<ValuePattern>(r"\*|!|~ [a-z]{1,4}\\?[.]?")].boxed();
    let headers = vec((header, value.clone()), 0..3);
    let query = btree_map(text(), value, 0..3);
    (vec(host, 0..3), vec(path, 0..3), btree_set(method_name(method), 0..3), headers, query).prop_map(
        |(hosts, paths, methods, headers, query)| Condition {
            hosts: once(hosts),
            paths: once(paths),
            methods: methods.into_iter().map(|method| method.parse().unwrap()).collect(),
            headers: headers
                .into_iter()
                .enumerate()
                .map(|(at, (name, value))| (numbered(&name, at), value))
                .collect(),
            query: query.into_iter().collect(),
        },
    )
}

fn method_name(method: impl Strategy<Value = Method>) -> impl Strategy<Value = String> {
    method.prop_map(|method| method.to_string())
}

/// No header is asked for twice.
fn numbered(name: &HeaderName, at: usize) -> HeaderName {
    format!("{name}-{at}").parse().unwrap()
}

fn once<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

fn parsed<T: std::str::FromStr + std::fmt::Debug>(texts: &'static str) -> impl Strategy<Value = T> {
    texts.prop_filter_map("not well-formed", |text| text.parse().ok())
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9][a-zA-Z0-9._-]{0,8}",
        select(vec!["true", "null", "1", "0x1", "1.0", "no", "1e3"]).prop_map(str::to_owned)
    ]
}

fn text() -> impl Strategy<Value = String> {
    let awkward = vec![
        "",
        " ",
        "~",
        "null",
        "true",
        "no",
        "off",
        "1.10",
        "0x1F",
        "007",
        "1_000",
        ".inf",
        "-",
        "- a",
        "a: b",
        "a #b",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "<<",
        "=",
        "%a",
        "@a",
        "`a",
        "'",
        "\"",
        "\\",
        "a\nb",
        "a\n\n",
        "\n",
        "\ta",
        "a\t",
        " a",
        "a ",
        "{",
        "[",
        "}",
        ",",
        "?",
        "? a",
        ": a",
        "---",
        "...",
        "\u{feff}a",
        "\u{85}",
        "\u{2028}",
        "\u{0}",
        "\u{7f}",
        "é",
        "2024-01-01",
        "12:30:45",
        "1e3",
        "+1",
        "0o17",
    ];
    prop_oneof![select(awkward).prop_map(str::to_owned), "\\PC{0,12}", "[a-z ]{90,120}", any::<String>()]
}

/// Absolute, so that it means the same from everywhere.
fn path() -> impl Strategy<Value = PathBuf> {
    "/[a-zA-Z0-9 #:'\"é._-]{1,12}".prop_map(PathBuf::from)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), 1..=u16::MAX).prop_map(SocketAddr::from)
}

fn duration(least: u64, most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![
        (least..=most).prop_map(Duration::from_micros),
        (least.div_ceil(1_000_000)..=most / 1_000_000)
            .prop_map(move |seconds| Duration::from_secs(seconds).max(Duration::from_micros(least))),
    ]
}
