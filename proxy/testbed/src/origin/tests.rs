use std::time::{Duration, Instant};

use super::*;
use crate::{Client, ClientError, Request};

fn failure(death: Death) -> ClientError {
    let origin = Origin::behaving(Manner::saying("hello").dying(death));
    Client::to(origin.address()).attempt(Request::get("/")).unwrap_err()
}

#[test]
fn a_dying_origin_gives_no_whole_answer() {
    for death in [Death::OnAccept, Death::OnRequest, Death::InBody] {
        let error = failure(death);
        assert!(matches!(error, ClientError::Exchange { .. }), "{death:?}: {error:?}");
    }
}

#[test]
fn status_and_headers_are_as_told() {
    let origin = Origin::behaving(Manner::saying("no").with_status(503).with_header("retry-after", "1"));
    let response = Client::to(origin.address()).get("/");
    assert_eq!((response.status(), response.header("retry-after"), response.text()), (503, Some("1"), "no"));
}

#[test]
fn a_slow_origin_takes_its_time() {
    let origin = Origin::behaving(Manner::saying("late").slow(Duration::from_millis(50)));
    let asked = Instant::now();
    assert_eq!(Client::to(origin.address()).get("/").text(), "late");
    assert!(asked.elapsed() >= Duration::from_millis(50));
}

#[test]
fn a_taken_address_is_an_error() {
    let first = Origin::saying("");
    let error = Origin::start(first.address(), Manner::echo()).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn the_load_tests_origin_says_a_kibibyte() {
    let origin = Origin::behaving(Manner::kibibyte());
    assert_eq!(Client::to(origin.address()).get("/").body().len(), 1024);
}
