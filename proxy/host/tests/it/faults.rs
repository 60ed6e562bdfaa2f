//! Guests that are wrong on purpose: each is met as that call's fault, and the
//! next call is served.

use std::time::Duration;

use edgeloom_core::fault::{Fault, FaultKind};
use edgeloom_core::units::Bytes;
use edgeloom_core::verdict::Verdict;
use edgeloom_host::Instances;

use crate::stage::{fault, host, misbehaving, prepare, proceeds, request, shipped};

#[test]
fn a_guest_that_spins_is_ended_at_its_deadline() {
    let filter = prepare(&misbehaving("spins")).unwrap();
    for _ in 0..3 {
        assert_eq!(fault(&filter), Fault::Overran);
    }
}

#[test]
fn deadlines_are_kept_after_the_host_is_gone() {
    let host = host();
    let filter = host.prepare(&misbehaving("spins")).unwrap().filter;
    drop(host);
    assert_eq!(fault(&filter), Fault::Overran);
}

#[test]
fn a_guest_that_traps_is_that_calls_fault() {
    let filter = prepare(&misbehaving("traps")).unwrap();
    for _ in 0..3 {
        assert_eq!(fault(&filter).kind(), FaultKind::Trapped);
    }
}

#[test]
fn a_guest_that_hoards_is_stopped_at_its_limit() {
    let mut plan = misbehaving("hoards");
    plan.memory = Bytes::mib(2);
    plan.deadline = Duration::from_secs(1);
    let filter = prepare(&plan).unwrap();
    for _ in 0..3 {
        assert_eq!(fault(&filter).kind(), FaultKind::Outgrew);
    }
}

#[test]
fn a_guest_that_answers_hugely_is_not_copied_out() {
    let mut plan = misbehaving("answers-huge");
    plan.memory = Bytes::mib(64);
    plan.deadline = Duration::from_secs(1);
    assert_eq!(fault(&prepare(&plan).unwrap()).kind(), FaultKind::Outgrew);
}

#[test]
fn a_guest_that_returns_an_error_is_quoted() {
    let filter = prepare(&misbehaving("returns-error")).unwrap();
    let Fault::Returned(reason) = fault(&filter) else { panic!("returned") };
    assert!(!reason.is_empty());
}

#[test]
fn a_guest_that_grows_headers_is_refused_at_the_limit() {
    let fault = fault(&prepare(&misbehaving("grows-headers")).unwrap());
    assert!(matches!(fault.kind(), FaultKind::Returned | FaultKind::Overran), "{fault}");
}

#[test]
fn a_guest_that_floods_the_log_goes_on_without_it() {
    let mut plan = misbehaving("floods-log");
    plan.grants.log = true;
    plan.deadline = Duration::from_secs(1);
    let filter = prepare(&plan).unwrap();
    assert!(matches!(filter.on_request(&mut request()), Ok(Verdict::Done)));
}

#[test]
fn a_fault_ends_no_other_filter() {
    let host = host();
    let good = host.prepare(&shipped("headers", "{}")).unwrap().filter;
    for name in ["traps", "lies", "spins"] {
        let mut bad = misbehaving(name);
        bad.name = name.into();
        let bad = host.prepare(&bad).unwrap().filter;
        for _ in 0..20 {
            fault(&bad);
        }
        proceeds(&good);
    }
}

#[test]
fn a_reused_instance_does_not_outlive_its_trap() {
    let mut plan = misbehaving("traps");
    plan.instances = Instances::Reuse(4);
    let filter = prepare(&plan).unwrap();
    for _ in 0..5 {
        assert_eq!(fault(&filter).kind(), FaultKind::Trapped);
    }
}

#[test]
fn instances_in_many_threads_are_given_back() {
    // More calls at once than warm instances are kept, and far more calls than places in the pool.
    let mut plan = shipped("headers", r#"{"request": {"set": {"x-a": "b"}}}"#);
    plan.instances = Instances::Reuse(2);
    let filter = prepare(&plan).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    proceeds(&filter);
                }
            });
        }
    });
}

#[test]
fn a_guest_that_carries_state_is_forgotten_between_calls() {
    let calls = |instances| {
        let mut plan = misbehaving("keeps-state");
        plan.instances = instances;
        let filter = prepare(&plan).unwrap();
        let call = || {
            let mut subject = request();
            filter.on_request(&mut subject).unwrap();
            subject.head.headers.get("x-calls").unwrap().to_str().unwrap().to_owned()
        };
        [call(), call(), call()]
    };
    assert_eq!(calls(Instances::Fresh), ["1", "1", "1"]);
    assert_eq!(calls(Instances::Reuse(1)), ["1", "2", "3"], "which is what `reuse` trades");
}

#[test]
fn a_guest_that_fills_its_stack_traps() {
    assert_eq!(fault(&prepare(&misbehaving("overflows-stack")).unwrap()).kind(), FaultKind::Trapped);
}

#[test]
fn a_guest_that_lies_about_lengths_reads_nothing_of_ours() {
    assert_eq!(fault(&prepare(&misbehaving("lies")).unwrap()).kind(), FaultKind::Trapped);
}

#[test]
fn a_guest_that_forges_what_the_proxy_vouches_for_is_refused() {
    for header in ["x-forwarded-for", "host", "content-length", "x-request-id"] {
        let mut plan = misbehaving("forges-reserved");
        plan.settings = format!(r#"{{"header": "{header}"}}"#);
        let fault = fault(&prepare(&plan).unwrap());
        assert!(matches!(&fault, Fault::Returned(why) if why.contains(header)), "{fault}");
    }
}

#[test]
fn an_answer_that_http_does_not_have_is_a_fault() {
    for settings in [r#"{"status": 99}"#, r#"{"status": 101}"#, r#"{"status": 200, "value": "a\r\nb: c"}"#] {
        let mut plan = misbehaving("answers-nonsense");
        plan.settings = settings.into();
        assert_eq!(fault(&prepare(&plan).unwrap()).kind(), FaultKind::Returned, "{settings}");
    }
}

#[test]
fn a_memo_has_a_limit() {
    let with = |kibibytes: u32| {
        let mut plan = misbehaving("remembers-too-much");
        plan.settings = format!(r#"{{"kibibytes": {kibibytes}}}"#);
        prepare(&plan).unwrap()
    };
    assert_eq!(fault(&with(17)).kind(), FaultKind::Outgrew);
    assert!(proceeds(&with(15)).len() >= 15 * 1024);
}
