//! Each verb of a module's life, and each refusal at its verb.

use edgeloom_core::ids::ClusterId;
use edgeloom_core::units::Bytes;
use edgeloom_host::{
    ConfigureError, FetchError, FilterPlan, Instances, LinkError, Phases, Reason, VerifyError, Want,
};

use crate::stage::{guests, host, misbehaving, plan, prepare, proceeds, request, shipped};

/// A file with these bytes, in a folder that goes when dropped.
fn file(bytes: &[u8]) -> (tempfile::TempDir, FilterPlan) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filter.wasm");
    std::fs::write(&path, bytes).unwrap();
    (folder, plan(&path))
}

fn refusal(plan: &FilterPlan) -> Reason {
    let error = prepare(plan).unwrap_err();
    let named = plan.source.path.display().to_string();
    assert!(error.to_string().starts_with(&named), "{error} names the file");
    error.reason
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let missing = plan(&guests().join("no-such-filter.wasm"));
    assert!(matches!(refusal(&missing), Reason::Fetch(FetchError::Missing)));
}

#[test]
fn a_directory_is_no_module() {
    assert!(matches!(refusal(&plan(&guests())), Reason::Fetch(FetchError::Directory)));
}

#[test]
fn a_file_above_its_limit_is_not_read() {
    let (_folder, mut plan) = file(&[0; 1025]);
    plan.source.size_max = Bytes::kib(1);
    assert!(matches!(refusal(&plan), Reason::Fetch(FetchError::TooLarge { .. })));
    std::fs::write(&plan.source.path, [0; 1024]).unwrap();
    assert!(matches!(refusal(&plan), Reason::Verify(VerifyError::NotWasm(_))));
}

#[test]
fn an_empty_file_is_no_module() {
    let (_folder, plan) = file(b"");
    assert!(matches!(refusal(&plan), Reason::Verify(VerifyError::Empty)));
}

#[test]
fn another_kind_of_file_is_no_module() {
    let (_folder, plan) = file(b"#!/bin/sh\n");
    assert!(matches!(refusal(&plan), Reason::Verify(VerifyError::NotWasm(_))));
}

#[test]
fn a_file_that_was_cut_short_is_damaged() {
    let whole = std::fs::read(guests().join("headers.wasm")).unwrap();
    let (_folder, plan) = file(&whole[..whole.len() / 2]);
    assert!(matches!(refusal(&plan), Reason::Verify(VerifyError::Damaged(_))));
}

#[test]
fn a_module_of_another_world_is_told_which_to_implement() {
    let empty_core = b"\0asm\x01\0\0\0";
    let empty_component = b"\0asm\x0d\0\x01\0";
    let (_folder, plan) = file(empty_core);
    let reason = refusal(&plan);
    let told = matches!(reason, Reason::Verify(VerifyError::NoContract(_) | VerifyError::WrongWorld(_)));
    assert!(told, "{reason}");
    let (_folder, plan) = file(empty_component);
    assert!(matches!(refusal(&plan), Reason::Verify(VerifyError::WrongWorld(_))));
}

#[test]
fn a_pinned_digest_is_held_against_the_file() {
    let mut pinned = shipped("headers", "{}");
    let found = host().inspect(&pinned.source.path).unwrap().digest;
    pinned.source.sha256 = Some(found);
    prepare(&pinned).unwrap();
    pinned.source.sha256 = Some("00".repeat(32).parse().unwrap());
    assert!(matches!(refusal(&pinned), Reason::Verify(VerifyError::WrongDigest { .. })));
}

#[test]
fn settings_that_a_filter_refuses_are_its_own_words() {
    let reason = refusal(&shipped("headers", r#"{"no-such-setting": 1}"#));
    assert!(
        matches!(&reason, Reason::Configure(ConfigureError::Refused(why)) if why.contains("no-such-setting")),
        "{reason}"
    );
}

#[test]
fn a_configure_that_fails_traps_spins_or_calls_the_host_is_told_apart() {
    let reason = refusal(&misbehaving("configure-fails"));
    assert!(matches!(reason, Reason::Configure(ConfigureError::Refused(_))), "{reason}");
    let reason = refusal(&misbehaving("configure-traps"));
    assert!(matches!(reason, Reason::Configure(ConfigureError::Trapped(_))), "{reason}");
    let reason = refusal(&misbehaving("configure-spins"));
    assert!(matches!(reason, Reason::Configure(ConfigureError::Overran)), "{reason}");
    let reason = refusal(&misbehaving("configure-calls"));
    assert!(matches!(reason, Reason::Configure(ConfigureError::CalledImport(_))), "{reason}");
}

#[test]
fn an_import_that_was_not_granted_is_named() {
    let reason = refusal(&misbehaving("ungranted"));
    assert!(matches!(reason, Reason::Link(LinkError::NotGranted(Want::Geo))), "{reason}");
    assert!(reason.to_string().contains("add `geo`"), "{reason}");
}

#[test]
fn less_memory_than_a_module_starts_with_is_too_little() {
    let mut small = shipped("headers", "{}");
    small.memory = Bytes::kib(32);
    let reason = refusal(&small);
    assert!(
        matches!(
            reason,
            Reason::Link(LinkError::Memory { .. }) | Reason::Configure(ConfigureError::Outgrew(_))
        ),
        "{reason}"
    );
}

#[test]
fn a_module_tells_its_phases_and_wants() {
    let host = host();
    let headers = host.inspect(&guests().join("headers.wasm")).unwrap();
    assert_eq!(headers.phases, Phases { request: true, response: true });
    assert_eq!(headers.wants, []);
    assert!(headers.raw);
    assert!(host.inspect(&guests().join("geo.wasm")).unwrap().wants.contains(&Want::Geo));
}

#[test]
fn only_granted_clusters_can_be_chosen() {
    let settings = r#"{"rules": [{"to": "north"}]}"#;
    let mut granted = shipped("route", settings);
    granted.grants.clusters = vec![("south".into(), ClusterId(0)), ("north".into(), ClusterId(1))];
    let mut subject = request();
    prepare(&granted).unwrap().on_request(&mut subject).unwrap();
    assert_eq!(subject.cluster, Some(ClusterId(1)));

    granted.grants.clusters.pop();
    let filter = prepare(&granted).unwrap();
    let fault = crate::stage::fault(&filter);
    assert!(fault.to_string().contains("granted"), "{fault}");
}

#[test]
fn every_call_starts_from_the_image() {
    let filter =
        prepare(&shipped("headers", r#"{"request": {"set": {"x-seen": "${request.id}"}}}"#)).unwrap();
    for _ in 0..50 {
        let mut subject = request();
        filter.on_request(&mut subject).unwrap();
        assert_eq!(subject.head.headers.get("x-seen").unwrap(), "0123456789abcdef");
    }
    assert_eq!(proceeds(&filter), b"");
}

#[test]
fn an_instance_that_has_grown_is_not_used_again() {
    let mut plan = misbehaving("leaks");
    plan.instances = Instances::Reuse(1);
    plan.memory = Bytes(1024 * 1024);
    let filter = prepare(&plan).unwrap();
    for _call in 0..1000 {
        proceeds(&filter);
    }
    assert!((10..100).contains(&filter.instances_made()), "{}", filter.instances_made());
}

#[test]
fn an_instance_that_is_used_again_does_not_grow() {
    for (name, settings) in [
        (
            "ab",
            r#"{"visitor": "client.ip", "experiments": [{"name": "x", "variants": [{"name": "a"}, {"name": "b"}]}]}"#,
        ),
        (
            "headers",
            r#"{"request": {"remove": ["x-*"], "set": {"x-client": "${client.ip}/${request.path}"}}}"#,
        ),
        (
            "route",
            r#"{"rules": [{"when": {"country": ["DK", "SE"]}, "path": {"strip": "/shop"}}, {"path": {"strip": "/shop"}}]}"#,
        ),
    ] {
        let mut plan = shipped(name, settings);
        plan.instances = Instances::Reuse(1);
        plan.memory = Bytes(256 * 1024);
        let filter = prepare(&plan).unwrap();
        for _call in 0..30_000 {
            let mut subject = request();
            subject.head.target = "/shop/articles/trousers?page=2".parse().unwrap();
            filter.on_request(&mut subject).unwrap();
        }
        assert_eq!(filter.instances_made(), 1, "{name}");
    }
}
