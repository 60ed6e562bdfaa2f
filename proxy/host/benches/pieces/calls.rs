//! One call of each of the shipped filters, with the settings that the load tests give them.

use std::path::PathBuf;

use edgeloom_core::head::ResponseHead;
use edgeloom_core::verdict::Verdict;
use edgeloom_host::{FilterPlan, Host, Instances, ResponseSubject};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::gauge::Gauge;
use crate::stage;

pub(crate) fn measure(gauge: &mut Gauge) {
    let host = stage::host();
    for (name, settings) in FILTERS {
        let plan = stage::plan(&stage::guest(name), settings);
        first(gauge, &host, name, &plan);
        every(gauge, &host, name, &plan);
    }
    response(gauge, &host);
    component(gauge, &host);
}

const FILTERS: [(&str, &str); 4] = [
    (
        "geo",
        r#"{"headers": "none", "names": {"country": "x-geo-country", "city": "x-geo-city"},
            "facts": ["country", "city"]}"#,
    ),
    (
        "ab",
        r#"{"visitor": "client.ip", "cookie": {"name": "ab"}, "experiments":
            [{"name": "checkout", "variants": [{"name": "blue", "weight": 50}, {"name": "green", "weight": 50}]}]}"#,
    ),
    (
        "route",
        r#"{"rules": [{"when": {"country": ["DK", "FI", "IS", "NO", "SE"]}, "to": "north", "path": {"strip": "/shop"}},
                      {"path": {"strip": "/shop"}}]}"#,
    ),
    ("headers", HEADERS),
];

const HEADERS: &str = r#"{"request": {"remove": ["x-internal-*"], "set": {"x-edge": "edgeloom", "x-client": "${client.ip}"}},
    "response": {"remove": ["server", "x-powered-by"], "set": {"x-served-by": "edgeloom"}}}"#;

/// The first call after a filter was prepared, which has to make its instance.
fn first(gauge: &mut Gauge, host: &Host, name: &str, plan: &FilterPlan) {
    // As long as it lives, preparing another of another name only links.
    let _alive = stage::prepare(host, plan);
    let mut made = 0_u32;
    let make = || {
        made += 1;
        host.forget_unused();
        let filter =
            stage::prepare(host, &FilterPlan { name: format!("first-{made}").into(), ..plan.clone() });
        (filter, stage::subject())
    };
    gauge.seldom(&format!("call/{name}, the first"), make, |(filter, subject)| stage::call(filter, subject));
}

fn every(gauge: &mut Gauge, host: &Host, name: &str, plan: &FilterPlan) {
    for (mode, instances) in [("fresh", Instances::Fresh), ("reuse", Instances::Reuse(4))] {
        let filter = stage::prepare(host, &FilterPlan { instances, ..plan.clone() });
        gauge.on(&format!("call/{name}, {mode}"), stage::subject, |subject| stage::call(&filter, subject));
    }
}

fn response(gauge: &mut Gauge, host: &Host) {
    let plan = stage::plan(&stage::guest("headers"), HEADERS);
    for (mode, instances) in [("fresh", Instances::Fresh), ("reuse", Instances::Reuse(4))] {
        let filter = stage::prepare(host, &FilterPlan { instances, ..plan.clone() });
        // Without a memo there would be nothing to do.
        let verdict = filter.on_request(&mut stage::subject());
        let memo = if let Ok(Verdict::Proceed(memo)) = verdict { memo } else { Vec::new() };
        assert!(!memo.is_empty(), "no memo for the response");
        let subject = || {
            let lines = ["server", "content-type", "etag", "date"].map(|name| name.parse().unwrap());
            let headers = HeaderMap::from_iter(lines.map(|name| (name, HeaderValue::from_static("a value"))));
            ResponseSubject::new(ResponseHead::new(StatusCode::OK, headers), stage::subject().facts)
        };
        gauge.on(&format!("call/headers on a response, {mode}"), subject, |subject| {
            filter.on_response(subject, &memo).unwrap();
        });
    }
}

/// A component that somebody else made goes another way into the guest.
fn component(gauge: &mut Gauge, host: &Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = as_component(folder.path().join("headers.wasm"));
    every(gauge, host, "headers as a component", &stage::plan(&path, HEADERS));
}

fn as_component(path: PathBuf) -> PathBuf {
    let module = std::fs::read(stage::guest("headers")).unwrap();
    let component = wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    std::fs::write(&path, component).unwrap();
    path
}
