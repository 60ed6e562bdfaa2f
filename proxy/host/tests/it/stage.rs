//! A host, plans for the guests at hand, and subjects to show them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edgeloom_core::client::Client;
use edgeloom_core::fault::{Fault, OnFault};
use edgeloom_core::head::RequestHead;
use edgeloom_core::limits::{MEMORY_DEFAULT, MODULE_MAX};
use edgeloom_core::verdict::Verdict;
use edgeloom_host::{
    Filter, FilterPlan, Grants, Host, HostOptions, Instances, PrepareError, RequestSubject, Source,
};
use http::{HeaderMap, Method};

/// The folder that `cargo xtask filters` fills.
pub(crate) fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters")
}

pub(crate) fn misbehaving(name: &str) -> FilterPlan {
    plan(&guests().join("misbehaving").join(name).with_extension("wasm"))
}

pub(crate) fn shipped(name: &str, settings: &str) -> FilterPlan {
    FilterPlan { settings: settings.into(), ..plan(&guests().join(name).with_extension("wasm")) }
}

pub(crate) fn plan(path: &Path) -> FilterPlan {
    FilterPlan {
        name: "tried".into(),
        source: Source { path: path.into(), sha256: None, size_max: MODULE_MAX },
        settings: "null".into(),
        grants: Grants::default(),
        deadline: Duration::from_millis(20),
        memory: MEMORY_DEFAULT,
        on_fault: OnFault::Fail,
        instances: Instances::Fresh,
    }
}

pub(crate) fn host() -> Host {
    Host::new(&HostOptions { cache: None, instances_max: 16 }).unwrap()
}

pub(crate) fn prepare(plan: &FilterPlan) -> Result<Arc<Filter>, PrepareError> {
    host().prepare(plan).map(|prepared| prepared.filter)
}

/// `GET /cart?x=1` of shop.example with two headers.
pub(crate) fn request() -> Box<RequestSubject> {
    let mut headers = HeaderMap::new();
    headers.insert("accept", "text/html".parse().unwrap());
    headers.insert("user-agent", "it".parse().unwrap());
    let head = RequestHead::new(Method::GET, "shop.example".into(), "/cart?x=1".parse().unwrap(), headers);
    let client = Client { address: "192.0.2.1".parse().unwrap(), secure: false };
    RequestSubject::new(head, client, "0123456789abcdef".into())
}

/// Everything a filter could have changed, as text.
pub(crate) fn show(subject: &RequestSubject) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        subject.head.target,
        subject.head.headers.map(),
        subject.facts,
        subject.cluster
    )
}

/// The fault that this filter commits at a request, which must leave no trace.
pub(crate) fn fault(filter: &Filter) -> Fault {
    let mut subject = request();
    let before = show(&subject);
    let fault = filter.on_request(&mut subject).unwrap_err();
    assert_eq!(show(&subject), before, "a fault left a trace");
    fault
}

pub(crate) fn proceeds(filter: &Filter) -> Vec<u8> {
    match filter.on_request(&mut request()) {
        Ok(Verdict::Proceed(memo)) => memo,
        Ok(Verdict::Done) => Vec::new(),
        other => panic!("expected the request to proceed, got {other:?}"),
    }
}
