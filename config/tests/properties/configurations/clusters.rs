//! Any cluster.

use std::time::Duration;

use edgeloom_config::{
    ClientCertificate, Cluster, Health, HttpCheck, Load, ProxyHeader, Spoken, Timeouts, UpstreamTls,
};
use edgeloom_core::address::Address;
use edgeloom_core::breaker::Break;
use edgeloom_core::cluster::{Balance, Cookie, Endpoint, Key};
use edgeloom_core::health::Thresholds;
use edgeloom_core::ids::ClusterId;
use edgeloom_core::outlier::Eject;
use edgeloom_core::retry::{Occasion, Retry};
use edgeloom_core::units::Percent;
use http::Method;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{address, duration, path};

fn endpoint() -> impl Strategy<Value = Address> {
    prop_oneof![
        address().prop_map(Address::Ip),
        ("[a-z][a-z0-9-]{0,8}(\\.[a-z][a-z0-9_]{0,8}){0,2}", 1..=u16::MAX)
            .prop_map(|(name, port)| Address::Name(name.into(), port)),
        "/[ -~]{1,60}".prop_map(|path| Address::Unix(path.into())),
    ]
}

fn upstream_tls() -> impl Strategy<Value = UpstreamTls> {
    let client = (path(), path()).prop_map(|(chain, key)| ClientCertificate { chain, key });
    (option::of("[a-z]{1,9}\\.example"), option::of(path()), option::of(client), any::<bool>()).prop_map(
        |(name, ca, client, verify)| UpstreamTls {
            // What is verified has a name, and what is not needs no CA.
            name: if verify { name.or_else(|| Some("a.example".to_owned())) } else { name },
            ca: ca.filter(|_| verify),
            client,
            verify,
        },
    )
}

pub(super) fn cluster(clusters: usize) -> impl Strategy<Value = Cluster> {
    let endpoints = btree_map(endpoint(), 1..=1000_u32, 1..4).prop_map(|endpoints| {
        endpoints.into_iter().map(|(address, weight)| Endpoint { address, weight }).collect()
    });
    let spoken = (
        select(vec![Spoken::Http1, Spoken::Http2, Spoken::Auto]),
        option::of(upstream_tls()),
        select(vec![None, Some(ProxyHeader::V1), Some(ProxyHeader::V2)]),
    );
    let failover = btree_set(1..clusters.max(2), 0..3);
    let troubles = (option::of(eject()), retry(), load(), option::of(breaker()), timeouts());
    (endpoints, spoken, balance(), option::of(health()), troubles, failover).prop_map(
        |(endpoints, spoken, balance, health, (eject, retry, load, breaker, timeouts), failover)| Cluster {
            name: String::new(),
            endpoints,
            // Without TLS nothing is negotiated.
            protocol: if spoken.1.is_some() || spoken.0 == Spoken::Http2 { spoken.0 } else { Spoken::Http1 },
            tls: spoken.1,
            proxy_protocol: spoken.2,
            balance,
            health,
            eject,
            retry,
            load,
            breaker,
            timeouts,
            // As steps from the cluster itself, until it has its place.
            failover: failover.into_iter().map(|step| ClusterId(u32::try_from(step).unwrap())).collect(),
        },
    )
}

/// Fails over to others, none of them twice.
pub(super) fn placed(at: usize, clusters: usize, mut cluster: Cluster) -> Cluster {
    cluster.failover.retain(|step| step.index() < clusters);
    for step in &mut cluster.failover {
        *step = ClusterId(u32::try_from((at + step.index()) % clusters).unwrap());
    }
    cluster
}

fn timeout() -> impl Strategy<Value = Duration> {
    duration(1_000, 3_600_000_000)
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let maybe = || option::of(timeout());
    (timeout(), timeout(), maybe(), timeout(), timeout(), timeout(), maybe()).prop_map(
        |(connect, tls, first_byte, read, write, idle, total)| Timeouts {
            connect,
            tls,
            first_byte,
            read,
            write,
            idle,
            total,
        },
    )
}

fn balance() -> impl Strategy<Value = Balance> {
    let cookie = "[!#$%&'*+.^_`|~a-zA-Z0-9-]{1,64}".prop_map(Into::<Box<str>>::into);
    let age = option::of(duration(1_000_000, 400 * 24 * 3_600_000_000));
    prop_oneof![
        Just(Balance::RoundRobin),
        Just(Balance::LeastRequest),
        Just(Balance::Hash(Key::Client)),
        "[a-z][a-z0-9-]{0,8}".prop_map(|name| Balance::Hash(Key::Header(name.parse().unwrap()))),
        cookie.clone().prop_map(|name| Balance::Hash(Key::Cookie(name))),
        (cookie, age).prop_map(|(name, max_age)| Balance::Sticky(Cookie { name, max_age })),
    ]
}

fn health() -> impl Strategy<Value = Health> {
    let status = prop_oneof![
        (100..=599_u16).prop_map(|status| status.to_string()),
        (1..=5_u16).prop_map(|class| format!("{class}xx")),
    ];
    let status = status.prop_map(|text| text.parse::<edgeloom_config::Statuses>().unwrap());
    let host = "[a-z][a-z0-9.-]{0,9}[a-z](:[1-9][0-9]{0,3})?".prop_map(Into::into);
    let path = "/[a-z0-9/]{0,9}(\\?[a-z=&]{0,9})?".prop_map(|path| path.parse().unwrap());
    let method = select(vec![Method::GET, Method::HEAD, Method::OPTIONS]);
    let body = "[ -~]{0,9}[a-z]".prop_map(Into::into);
    let http = (method, path, option::of(host), vec(status, 1..4), option::of(body))
        .prop_map(|(method, path, host, status, body)| HttpCheck { method, path, host, status, body });
    let interval = duration(20_000, 3_600_000_000);
    (option::of(http), interval, timeout(), 1..=100_u32, 1..=100_u32).prop_map(
        |(http, interval, timeout, healthy_after, unhealthy_after)| Health {
            http,
            interval,
            timeout,
            thresholds: Thresholds { healthy_after, unhealthy_after },
        },
    )
}

fn share() -> impl Strategy<Value = Percent> {
    (0..=100_u32).prop_map(Percent)
}

fn pause() -> impl Strategy<Value = Duration> {
    duration(10_000, 3_600_000_000)
}

fn eject() -> impl Strategy<Value = Eject> {
    (1..=1000_u32, pause(), share()).prop_map(|(failures, time, at_most)| Eject { failures, time, at_most })
}

fn retry() -> impl Strategy<Value = Retry> {
    let occasion = prop_oneof![
        Just(Occasion::Connect),
        Just(Occasion::Reset),
        Just(Occasion::Timeout),
        (400..=599_u16).prop_map(|status| Occasion::Status(status.try_into().unwrap())),
    ];
    (0..=5_u8, vec(occasion, 0..4), option::of(timeout()), share())
        .prop_map(|(tries, on, per_try, budget)| Retry { tries, on, per_try, budget })
}

fn load() -> impl Strategy<Value = Load> {
    let most = || option::of(1..=1_000_000_u32);
    (most(), most(), 0..=100_000_u32, timeout()).prop_map(|(requests, per_endpoint, waiting, wait)| Load {
        requests,
        per_endpoint,
        waiting,
        wait,
    })
}

fn breaker() -> impl Strategy<Value = Break> {
    (share(), 1..=1_000_000_u32, pause(), pause()).prop_map(|(failures, requests, window, pause)| Break {
        failures,
        requests,
        window,
        pause,
    })
}
