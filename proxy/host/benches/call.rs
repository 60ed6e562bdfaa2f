//! What a call into a shipped filter costs, on a fresh and on a warm instance.
//!
//! `cargo bench -p edgeloom-host --bench call`, after `cargo xtask filters`.

#![allow(clippy::unwrap_used, reason = "a benchmark that can not start says so by panicking")]

use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use edgeloom_core::client::Client;
use edgeloom_core::fault::OnFault;
use edgeloom_core::head::RequestHead;
use edgeloom_core::limits::{MEMORY_DEFAULT, MODULE_MAX};
use edgeloom_host::{FilterPlan, Grants, Host, HostOptions, Instances, RequestSubject, Source};
use http::{HeaderMap, HeaderValue, Method};

fn subject() -> RequestSubject {
    let mut headers = HeaderMap::new();
    for (name, value) in [("accept", "text/html"), ("user-agent", "bench"), ("cookie", "a=b; c=d")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let head =
        RequestHead::new(Method::GET, "shop.example".into(), "/shop/cart?x=1".parse().unwrap(), headers);
    let client = Client { address: "192.0.2.1".parse().unwrap(), secure: false };
    RequestSubject::new(head, client, "0123456789abcdef".into())
}

const FILTERS: [(&str, &str); 4] = [
    ("headers", "{}"),
    ("headers", r#"{"request": {"set": {"x-a": "b"}}}"#),
    (
        "headers",
        r#"{"request": {"set": {"x-a": "${client.ip}", "x-b": "${header.cookie}"}, "remove": ["x-c"]}}"#,
    ),
    ("route", r#"{"rules": [{"when": {"path": "/api/*"}, "to": "north"}]}"#),
];

fn call(c: &mut Criterion) {
    let host = Host::new(&HostOptions::default()).unwrap();
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters");
    for (position, (name, settings)) in FILTERS.into_iter().enumerate() {
        for (mode, instances) in [("fresh", Instances::Fresh), ("reuse", Instances::Reuse(4))] {
            let plan = FilterPlan {
                name: format!("{name}-{position}").into(),
                source: Source {
                    path: guests.join(name).with_extension("wasm"),
                    sha256: None,
                    size_max: MODULE_MAX,
                },
                settings: settings.into(),
                grants: Grants {
                    clusters: vec![("north".into(), edgeloom_core::ids::ClusterId(0))],
                    ..Grants::default()
                },
                deadline: Duration::from_millis(10),
                memory: MEMORY_DEFAULT,
                on_fault: OnFault::Fail,
                instances,
            };
            let filter = host.prepare(&plan).unwrap().filter;
            let mut subject = subject();
            c.bench_function(&format!("{mode}/{name} {settings}"), |b| {
                b.iter(|| filter.on_request(&mut subject).unwrap())
            });
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(50); targets = call }
criterion_main!(benches);
