//! A core module and the component made of it go two ways, to the same results.

use std::sync::Arc;

use edgeloom_core::client::{ClientCertificate, NameKind, Tls};
use edgeloom_core::head::ResponseHead;
use edgeloom_core::ids::ClusterId;
use edgeloom_core::verdict::Verdict;
use edgeloom_host::geo::Geo;
use edgeloom_host::{FilterPlan, Grants, Instances, ResponseSubject};
use edgeloom_testbed::geo::{Layout, write};
use http::{HeaderMap, StatusCode};

use crate::stage::{guests, host, misbehaving, plan, request, shipped, show};

/// What a filter makes of a few exchanges, as text.
fn told(plan: &FilterPlan) -> Vec<String> {
    let filter = host().prepare(plan).unwrap().filter;
    let mut told = Vec::new();
    for (client, path, cookie) in [
        ("192.0.2.1", "/", ""),
        ("2001:db8:9::1", "/shop/cart?q=%20", "ab=checkout:blue"),
        ("89.160.20.112", "/p/7", "a=b; c=\"d\""),
        ("127.0.0.1", "/api/v1/x?y", "x=y"),
        ("192.0.2.1", "/", "ab=checkout.blue"),
    ] {
        let mut subject = request();
        subject.client.address = client.parse().unwrap();
        subject.head.set_target(path).unwrap();
        subject.head.commit();
        let tls = encrypted(path);
        subject.tls.clone_from(&tls);
        subject.head.headers.map_mut().insert("cookie", cookie.parse().unwrap());
        let verdict = filter.on_request(&mut subject);
        told.push(format!("{verdict:?} {}", show(&subject)));
        let Ok(Verdict::Proceed(memo)) = verdict else { continue };
        let headers = HeaderMap::from_iter([("server".parse().unwrap(), "origin".parse().unwrap())]);
        let mut response = ResponseSubject::new(ResponseHead::new(StatusCode::OK, headers), subject.facts);
        response.tls = tls;
        let done = filter.on_response(&mut response, &memo);
        told.push(format!("{done:?} {:?} {:?}", response.head.status, response.head.headers.map()));
    }
    told
}

/// The connection that a request for this path comes on: in the clear, of a client that shows nothing, or
/// that shows a certificate with or without names.
fn encrypted(path: &str) -> Option<Arc<Tls>> {
    let names: [(NameKind, Box<str>); 3] = [
        (NameKind::Dns, "alice.shop.example".into()),
        (NameKind::Uri, "spiffe://shop.example/cart".into()),
        (NameKind::Address, "2001:db8::7".into()),
    ];
    let shown = |names: &[(NameKind, Box<str>)]| ClientCertificate {
        subject: "C=SE, CN=alice".into(),
        sha256: "00ff".repeat(16).into(),
        names: names.into(),
    };
    let (server_name, certificate) = match path.as_bytes().get(1)? {
        b's' => (Some("shop.example".into()), Some(shown(&names))),
        b'p' => (None, None),
        _ => (None, Some(shown(&[]))),
    };
    Some(Arc::new(Tls { version: "1.3", cipher: "TLS13_AES_128_GCM_SHA256", server_name, certificate }))
}

/// The same filter as a component that somebody else might have made.
fn as_component(plan: &FilterPlan, folder: &tempfile::TempDir) -> FilterPlan {
    let module = std::fs::read(&plan.source.path).unwrap();
    let mut encoder = wit_component::ComponentEncoder::default().module(&module).unwrap();
    let path = folder.path().join(plan.source.path.file_name().unwrap());
    std::fs::write(&path, encoder.encode().unwrap()).unwrap();
    let mut plan = plan.clone();
    plan.source.path = path;
    plan
}

fn both_ways(mut plan: FilterPlan) {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("geo.mmdb");
    write(Layout::City, &geo).unwrap();
    plan.grants = Grants {
        geo: Some(Arc::new(Geo::open(&geo, None).unwrap())),
        log: true,
        tls: true,
        clusters: vec![("north".into(), ClusterId(3)), ("canary".into(), ClusterId(4))],
    };
    let component = as_component(&plan, &folder);
    let inspected = |plan: &FilterPlan| host().inspect(&plan.source.path).unwrap();
    assert!(inspected(&plan).raw && !inspected(&component).raw);
    assert_eq!(inspected(&plan).wants, inspected(&component).wants);
    for instances in [Instances::Fresh, Instances::Reuse(2)] {
        let with = |plan: &FilterPlan| FilterPlan { instances, ..plan.clone() };
        let (core, whole) = (told(&with(&plan)), told(&with(&component)));
        assert!(!core.is_empty());
        assert_eq!(core, whole, "{}", plan.source.path.display());
    }
}

#[test]
fn shipped_filters_do_the_same() {
    both_ways(shipped("geo", r#"{"headers": "own"}"#));
    both_ways(shipped(
        "ab",
        r#"{"visitor": "client.ip", "cookie": {"name": "ab"}, "experiments":
            [{"name": "checkout", "variants": [{"name": "blue", "weight": 50}, {"name": "green", "weight": 50}]}]}"#,
    ));
    both_ways(shipped(
        "route",
        r#"{"rules": [{"when": {"path": "/shop/*"}, "to": "north", "path": {"strip": "/shop"}},
                      {"when": {"path": "/p/{n}"}, "redirect": {"to": "/articles/{n}"}},
                      {"when": {"headers": {"cookie": "x=y"}}, "to": "canary"}]}"#,
    ));
    both_ways(shipped(
        "headers",
        r#"{"request": {"remove": ["acc*"], "add": {"x-client": "${client.ip}"}, "set": {"x-id": "${request.id}"}},
            "response": {"remove": ["server"], "set": {"x-for": "${client.ip}"}}}"#,
    ));
}

#[test]
fn grants_say_the_same() {
    let plan = plan(&guests().join("tests/tls.wasm"));
    both_ways(plan.clone());
    let told = told(&FilterPlan { grants: Grants { tls: true, ..Grants::default() }, ..plan });
    // Of each exchange first what became of the request, then of the response.
    for (line, said) in [
        (0, r#""x-client-names": """#),
        (2, r#""x-client-names": "dns=alice.shop.example uri=spiffe://shop.example/cart ip=2001:db8::7""#),
        (2, r#""x-tls-name": "shop.example""#),
        (3, r#""x-client-subject": "C=SE, CN=alice""#),
        (4, r#""x-tls-name": "nobody""#),
        (7, r#""x-tls-cipher": "TLS13_AES_128_GCM_SHA256""#),
    ] {
        assert!(told[line].contains(said), "{said}: {told:#?}");
    }
    assert!(!told[0].contains("x-tls-version") && !told[4].contains("x-client-sha256"), "{told:#?}");
}

#[test]
fn faults_are_of_the_same_kind() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "traps",
        "hoards",
        "answers-huge",
        "returns-error",
        "grows-headers",
        "forges-reserved",
        "answers-nonsense",
        "overflows-stack",
        "remembers-too-much",
        "lies",
    ] {
        let mut core = misbehaving(name);
        core.deadline = std::time::Duration::from_secs(1);
        let whole = as_component(&core, &folder);
        let kind = |plan: &FilterPlan| crate::stage::fault(&host().prepare(plan).unwrap().filter).kind();
        assert_eq!(kind(&core), kind(&whole), "{name}");
    }
}
