//! Nothing of a call is left in an instance that was put back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edgeloom_core::client::Client;
use edgeloom_core::fault::OnFault;
use edgeloom_core::head::{RequestHead, ResponseHead};
use edgeloom_core::ids::ClusterId;
use edgeloom_core::limits::{MEMORY_DEFAULT, MODULE_MAX};
use edgeloom_core::verdict::Verdict;
use edgeloom_testbed::geo::{Layout, write};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::geo::Geo;
use crate::{
    Filter, FilterPlan, Grants, Host, HostOptions, Instances, RequestSubject, ResponseSubject, Source,
};

impl Frozen {
    /// The whole memory.
    fn memory(&self) -> Vec<u8> {
        let mut memory = vec![0xee; self.length()];
        for granule in 0..self.length() / GRANULE {
            self.write(&mut memory, granule);
        }
        memory
    }
}

impl Changing {
    fn assert_is_at_rest(&self, store: &mut Store<CallState>, image: &Frozen) {
        assert!(self.memory.data(&*store) == image.memory(), "the memory is another");
        let globals = self.globals.iter().zip(&image.globals);
        for (global, value) in globals {
            assert_eq!(format!("{:?}", global.get(&mut *store)), format!("{value:?}"));
        }
        let granules = image.length() / GRANULE;
        assert!(self.marks.data(&*store).iter().take(granules).all(|mark| *mark == 0), "marks are left");
        assert_eq!(store.data().touched.bits, [0; WORDS]);
    }
}

/// Looks at every instance that waits for a call of this filter's component.
pub(crate) fn assert_waiting_instances_are_at_rest(filter: &Filter) -> usize {
    let (direct, _) = filter.terms.direct().expect("it is driven directly");
    let waiting = direct.pool.all();
    let seen = waiting.len();
    for mut instance in waiting {
        instance.with_direct(|instance, store| {
            let terms = Arc::clone(&store.data().terms);
            let (_, image) = terms.direct().unwrap();
            instance.changing.assert_is_at_rest(store, image);
        });
        direct.pool.put_back(instance);
    }
    seen
}

fn plan(path: &str, settings: &str) -> FilterPlan {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters");
    FilterPlan {
        name: format!("{path} {settings}").into(),
        source: Source { path: guests.join(path).with_extension("wasm"), sha256: None, size_max: MODULE_MAX },
        settings: settings.into(),
        grants: Grants { log: true, clusters: vec![("north".into(), ClusterId(1))], ..Grants::default() },
        deadline: Duration::from_millis(200),
        memory: MEMORY_DEFAULT,
        on_fault: OnFault::Fail,
        instances: Instances::Fresh,
    }
}

fn host() -> Host {
    Host::new(&HostOptions { cache: None, instances_max: 64 }).unwrap()
}

/// The filters that are shipped, each with settings that give it much to do.
fn shipped(host: &Host) -> Vec<Arc<Filter>> {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("geo.mmdb");
    write(Layout::City, &database).unwrap();
    let geo = Some(Arc::new(Geo::open(&database, None).unwrap()));
    let plans = [
        plan("geo", r#"{"headers": "cloudfront"}"#),
        plan("geo", r#"{"headers": "own", "deny": {"countries": ["SE"]}, "facts": []}"#),
        plan(
            "ab",
            r#"{"visitor": "header.x-a", "cookie": {"name": "ab"}, "experiments":
                [{"name": "checkout", "variants": [{"name": "blue", "weight": 50}, {"name": "green", "weight": 50}]}]}"#,
        ),
        plan(
            "route",
            r#"{"rules": [{"when": {"path": "/shop/*", "headers": {"x-a": "*a*"}}, "to": "north", "path": {"strip": "/shop"}},
                          {"when": {"path": "/p/{n}"}, "redirect": {"to": "/articles/{n}"}}]}"#,
        ),
        plan(
            "headers",
            r#"{"request": {"remove": ["acc*"], "rename": {"x-a": "x-b"}, "append": {"x-c": "${client.ip}"},
                            "set": {"x-id": "${request.id} ${header.x-a}"}},
                "response": {"remove": ["server"], "set": {"x-for": "${header.x-a}"}}}"#,
        ),
        plan("headers", "{}"),
    ];
    plans
        .into_iter()
        .map(|mut plan| {
            plan.grants.geo.clone_from(&geo);
            host.prepare(&plan).unwrap().filter
        })
        .collect()
}

const MISBEHAVING: [&str; 16] = [
    "answers-huge",
    "answers-nonsense",
    "floods-log",
    "forges-reserved",
    "grows-headers",
    "hoards",
    "keeps-state",
    "lies",
    "overflows-stack",
    "remembers-too-much",
    "returns-error",
    "spins",
    "traps",
    "scribbles",
    "scribbles",
    "scribbles",
];

const LIES: [&str; 11] = [
    "memo",
    "length",
    "result",
    "verdict",
    "text",
    "pointer",
    "alignment",
    "argument",
    "handle",
    "room",
    "lent",
];

/// What a visitor sends, and an origin answers.
type Exchange = (String, String, Vec<(String, Vec<u8>)>, Vec<u8>);

fn exchange() -> impl Strategy<Value = Exchange> {
    let names = prop::sample::select(vec!["x-a", "x-c", "accept", "cookie", "server", "x-long"]);
    let values = prop_oneof![
        prop::collection::vec(0x20..0x7f_u8, 0..40),
        prop::collection::vec(0x80..0xff_u8, 0..4),
        prop::collection::vec(b'a'..=b'z', 1000..3000),
        Just(b"ab=checkout.blue; b=\"c\"".to_vec()),
    ];
    let lines = prop::collection::vec((names.prop_map(str::to_owned), values), 0..8);
    let clients = prop::sample::select(vec!["192.0.2.1", "89.160.20.112", "2001:db8::1", "127.0.0.1"]);
    let paths = prop::sample::select(vec!["/", "/shop/a?b=c", "/p/12", "/shop", "/%20/x?"]);
    let memo = prop::collection::vec(any::<u8>(), 0..20);
    (clients.prop_map(str::to_owned), paths.prop_map(str::to_owned), lines, memo)
}

/// Both phases, whatever they make of it; what the request became, as text.
fn pass(filter: &Filter, (client, path, lines, odd_memo): &Exchange) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value).unwrap(),
        );
    }
    let head = RequestHead::new(Method::GET, "shop.example".into(), path.parse().unwrap(), headers.clone());
    let client = Client { address: client.parse().unwrap(), secure: false };
    let mut request = RequestSubject::new(head, client, "0123456789abcdef".into());
    let verdict = filter.on_request(&mut request);
    let mut told = format!("{verdict:?} {:?} {:?}", request.head, request.facts);
    // A memo that the filter never gave, too.
    let memos = match &verdict {
        Ok(Verdict::Proceed(memo)) => vec![memo.as_slice(), odd_memo],
        Ok(Verdict::Answer(_) | Verdict::Done) | Err(_) => vec![odd_memo.as_slice()],
    };
    for memo in memos {
        let head = ResponseHead::new(StatusCode::OK, headers.clone());
        let mut response = ResponseSubject::new(head, request.facts.clone());
        let done = filter.on_response(&mut response, memo);
        told += &format!(" {done:?} {:?}", response.head);
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shipped_filters_leave_nothing_behind(exchanges in prop::collection::vec((0..6usize, exchange()), 1..24)) {
        let host = host();
        let filters = shipped(&host);
        for (which, exchange) in &exchanges {
            let filter = &filters[*which];
            let told = pass(filter, exchange);
            prop_assert!(assert_waiting_instances_are_at_rest(filter) > 0);
            // And so nothing of it is seen: whoever comes first is told the same.
            prop_assert_eq!(&told, &pass(filter, exchange));
        }
    }

    #[test]
    fn hostile_guests_leave_nothing_behind(
        calls in prop::collection::vec((0..MISBEHAVING.len(), any::<u32>(), exchange()), 1..16),
    ) {
        let host = host();
        for (which, seed, exchange) in &calls {
            let settings = match MISBEHAVING[*which] {
                "scribbles" => format!(r#"{{"seed": {seed}}}"#),
                "lies" => format!(r#"{{"about": "{}"}}"#, LIES[*seed as usize % LIES.len()]),
                _ => "null".to_owned(),
            };
            let mut plan = plan(&format!("misbehaving/{}", MISBEHAVING[*which]), &settings);
            plan.deadline = Duration::from_millis(20);
            let filter = host.prepare(&plan).unwrap().filter;
            pass(&filter, exchange);
            assert_waiting_instances_are_at_rest(&filter);
        }
    }
}

#[test]
fn an_instance_serves_call_after_call() {
    let host = host();
    for filter in shipped(&host) {
        let exchange = (
            "192.0.2.1".to_owned(),
            "/shop/a".to_owned(),
            vec![("x-a".to_owned(), b"v".to_vec())],
            Vec::new(),
        );
        for _ in 0..20 {
            pass(&filter, &exchange);
        }
        assert_eq!(filter.instances_made(), 1, "{filter:?}");
        assert!(assert_waiting_instances_are_at_rest(&filter) > 0, "{filter:?}");
    }
}

#[test]
fn many_filters_of_a_component_share_its_instances() {
    let host = host();
    let settings = |n: u32| {
        format!(r#"{{"request": {{"set": {{"x-n": "{n}", "x-more": "{}"}}}}}}"#, "y".repeat(n as usize * 40))
    };
    let filters: Vec<_> =
        (0..40).map(|n| host.prepare(&plan("headers", &settings(n))).unwrap().filter).collect();
    for round in 0..3 {
        for (n, filter) in filters.iter().enumerate() {
            let told = pass(filter, &("192.0.2.1".into(), "/".into(), Vec::new(), Vec::new()));
            assert!(told.contains(&format!("\"x-n\": \"{n}\"")), "round {round}: {told}");
            assert!(assert_waiting_instances_are_at_rest(filter) <= 8);
        }
    }
    let made: u64 = filters.iter().map(|filter| filter.instances_made()).sum();
    assert!(made <= 8, "{made} instances for 40 filters on one thread");
}

#[test]
fn what_a_filter_was_granted_is_given_back_with_it() {
    let host = host();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("geo.mmdb");
    write(Layout::City, &database).unwrap();
    let geo = Arc::new(Geo::open(&database, None).unwrap());
    let mut plan = plan("geo", "{}");
    plan.grants.geo = Some(Arc::clone(&geo));
    let filter = host.prepare(&plan).unwrap().filter;
    // Another filter of the component lives on.
    let other = host.prepare(&FilterPlan {
        name: "other".into(),
        settings: r#"{"headers": "none"}"#.into(),
        ..plan.clone()
    });
    pass(&filter, &("192.0.2.1".into(), "/".into(), Vec::new(), Vec::new()));
    plan.grants.geo = None;
    drop((plan, filter));
    assert_eq!(Arc::strong_count(&geo), 2, "ours, and the other filter's");
    drop(other);
    assert_eq!(Arc::strong_count(&geo), 1);
}
