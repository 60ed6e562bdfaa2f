//! A host, plans for the guests at hand, and a visitor to call them for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgeloom_core::client::Client;
use edgeloom_core::fault::OnFault;
use edgeloom_core::head::Journal;
use edgeloom_core::ids::ClusterId;
use edgeloom_core::limits::{MEMORY_DEFAULT, MODULE_MAX};
use edgeloom_core::verdict::Verdict;
use edgeloom_host::{Filter, FilterPlan, Geo, Grants, Host, HostOptions, Instances, RequestSubject, Source};
use edgeloom_testbed::geo::{Layout, write};
use http::{HeaderName, HeaderValue};

use crate::visitor;

/// A host that keeps what it compiles: under valgrind that takes fifty times as long.
pub(crate) fn host() -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pieces");
    Host::new(&HostOptions { cache: Some(cache), instances_max: INSTANCES }).unwrap()
}

/// The pool reserves address space for each, of which valgrind has less than the machine.
pub(crate) const INSTANCES: u32 = 4;

/// The file that `cargo xtask filters` makes.
pub(crate) fn guest(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters");
    folder.join(name).with_extension("wasm")
}

pub(crate) fn plan(module: &Path, settings: &str) -> FilterPlan {
    FilterPlan {
        name: "measured".into(),
        source: Source { path: module.into(), sha256: None, size_max: MODULE_MAX },
        settings: settings.into(),
        grants: Grants {
            geo: Some(Arc::new(demo_geo(Layout::City))),
            log: true,
            tls: true,
            clusters: vec![("south".into(), ClusterId(0)), ("north".into(), ClusterId(1))],
        },
        // Valgrind must not make it overrun.
        deadline: Duration::from_secs(60),
        memory: MEMORY_DEFAULT,
        on_fault: OnFault::Fail,
        instances: Instances::Fresh,
    }
}

pub(crate) fn prepare(host: &Host, plan: &FilterPlan) -> Arc<Filter> {
    match host.prepare(plan) {
        Ok(prepared) => prepared.filter,
        Err(error) => {
            // The message says which file is missing, and this says what makes it.
            eprintln!("{error:?}; `cargo xtask filters` builds the guests");
            std::process::exit(1)
        }
    }
}

/// The database of the demo world.
pub(crate) fn demo_geo(layout: Layout) -> Geo {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geo.mmdb");
    write(layout, &path).unwrap();
    Geo::open(&path, None).unwrap()
}

/// A visitor in Stockholm who has been here before.
pub(crate) fn subject() -> Box<RequestSubject> {
    with_more_headers(0)
}

/// The same, with so many lines more: `x-0`, `x-1`, …
pub(crate) fn with_more_headers(more: u32) -> Box<RequestSubject> {
    let mut head = visitor::request("shop.example", "/shop/articles/swedish-wood?page=2");
    for n in 0..more {
        let name: HeaderName = format!("x-{n}").parse().unwrap();
        head.headers.map_mut().insert(name, HeaderValue::from_static("Gothenburg"));
    }
    let client = Client { address: "89.160.20.112".parse().unwrap(), secure: false };
    let mut subject = RequestSubject::new(head, client, "01996f5d8a4b7c2e".into());
    let mut journal = Journal::default();
    subject.facts.set("geo.country", "SE", &mut journal).unwrap();
    subject.facts.set("geo.city", "Stockholm", &mut journal).unwrap();
    subject
}

/// One call, which must be no fault: that would be no measurement.
pub(crate) fn call(filter: &Filter, subject: &mut Box<RequestSubject>) {
    let verdict = filter.on_request(subject);
    assert!(matches!(verdict, Ok(Verdict::Proceed(_) | Verdict::Done)), "{verdict:?}");
}
