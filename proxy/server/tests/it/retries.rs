use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Authority, Client, Death, Edge, Manner, Order, Origin, OriginTls, Request};
use serde_json::json;
use tempfile::TempDir;

use super::{line_about, metric};

fn edge(cluster: &str) -> Edge {
    Edge::start(&format!("clusters: {{ shop: {{ {cluster} }} }}\nroutes: [{{ name: all, to: shop }}]"))
}

fn after(bad: &Origin, good: &Origin, rest: &str) -> Edge {
    edge(&format!("endpoints: ['{}', '{}'], eject: off, {rest}", bad.address(), good.address()))
}

/// Both endpoints have had the first word.
fn twice(mut ask: impl FnMut(u32)) {
    (0..2).for_each(&mut ask);
}

#[test]
fn what_may_be_sent_twice_is_sent_to_another_when_one_breaks_off() {
    for death in [Death::OnAccept, Death::OnRequest, Death::Nonsense] {
        let (bad, good) = (Origin::behaving(Manner::saying("").dying(death)), Origin::saying("good"));
        let edge = after(&bad, &good, "retries: 1");
        twice(|n| assert_eq!(edge.get(&format!("/{n}")).text(), "good", "{death:?}"));
        let tried: Vec<_> =
            (0..2).filter_map(|n| line_about(&edge, &format!("/{n}")).get("tried").cloned()).collect();
        assert_eq!(tried, [json!([format!("{} broke off", bad.address())])], "{death:?}");
        assert_eq!(metric(&edge, "edgeloom_cluster_retries_total{cluster=\"shop\"}"), 1);
        let labels = format!("{{cluster=\"shop\",endpoint=\"{}\",kind=\"reset\"}}", bad.address());
        assert_eq!(metric(&edge, &format!("edgeloom_endpoint_failures_total{labels}")), 1);
    }
}

#[test]
fn what_may_have_had_an_effect_is_not_sent_twice() {
    let (bad, good) = (Origin::behaving(Manner::saying("").dying(Death::OnRequest)), Origin::saying("good"));
    let edge = after(&bad, &good, "retries: 1");
    let mut statuses = Vec::new();
    twice(|_| statuses.push(edge.request(Request::post("/", "order")).status()));
    statuses.sort_unstable();
    assert_eq!((statuses, bad.requests(), good.requests()), (vec![200, 502], 1, 1));
}

#[test]
fn a_status_that_says_so_is_kept_from_the_client() {
    let (bad, good) = (Origin::behaving(Manner::saying("no").with_status(503)), Origin::saying("good"));
    let edge = after(&bad, &good, "retries: { on: [503] }");
    twice(|n| assert_eq!(edge.get(&format!("/{n}")).text(), "good"));
    let tried: Vec<_> =
        (0..2).filter_map(|n| line_about(&edge, &format!("/{n}")).get("tried").cloned()).collect();
    assert_eq!(tried, [json!([format!("{} answered 503", bad.address())])]);
    // Where there is nobody else, what there is is passed on.
    let alone = self::edge(&format!("endpoints: ['{}'], retries: {{ on: [503] }}", bad.address()));
    assert_eq!((alone.get("/").status(), alone.get("/").text()), (503, "no"));
}

#[test]
fn a_try_that_takes_too_long_is_given_up_for_another() {
    let bad = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(30)));
    let good = Origin::saying("good");
    let edge = after(&bad, &good, "retries: { on: [timeout], per_try: 100ms }");
    let began = Instant::now();
    twice(|n| assert_eq!(edge.get(&format!("/{n}")).text(), "good"));
    assert!(began.elapsed() < Duration::from_secs(10));
    let tried: Vec<_> =
        (0..2).filter_map(|n| line_about(&edge, &format!("/{n}")).get("tried").cloned()).collect();
    assert_eq!(tried, [json!([format!("{} took too long", bad.address())])]);
}

#[test]
fn a_try_in_secret_is_given_up_as_well() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
    let bad = Origin::secure(Manner::saying("late").slow(Duration::from_secs(30)), &certificate);
    let good = Origin::secure(Manner::saying("good"), &certificate);
    let tls = format!("tls: {{ name: shop.example, ca: {} }}", ca.display());
    let edge = after(&bad, &good, &format!("retries: {{ on: [timeout], per_try: 100ms }}, {tls}"));
    twice(|_| assert_eq!(edge.get("/").text(), "good"));
    assert_eq!(metric(&edge, "edgeloom_cluster_retries_total{cluster=\"shop\"}"), 1);
}

#[test]
fn a_body_goes_along_where_all_of_it_is_still_there() {
    let bad = Origin::behaving(Manner::saying("").dying(Death::OnRequest));
    let good = Origin::echo("good");
    let edge = after(&bad, &good, "retries: 1");
    let put = |length: usize| edge.request(Request::put("/", vec![b'x'; length]));
    twice(|_| {
        let echo = put(10_000).echo();
        assert_eq!((echo.method.as_str(), echo.body_length), ("PUT", 10_000));
    });
    let mut statuses = Vec::new();
    twice(|_| statuses.push(put(300_000).status()));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502], "what is too long to be kept is not sent twice");
}

#[test]
fn tries_have_a_budget() {
    let good = Origin::saying("good");
    let edge = edge(&format!(
        "endpoints: ['127.0.0.1:1', '{}'], eject: off, retries: {{ budget: 0% }}",
        good.address()
    ));
    let statuses: Vec<_> = (0..40).map(|_| edge.get("/").status()).collect();
    // Half of them are for the one that is not there; ten of those are tried again whatever the share.
    let failed = statuses.iter().filter(|status| **status == 502).count();
    assert_eq!((failed, statuses.len() - failed), (10, 30));
    assert_eq!(metric(&edge, "edgeloom_cluster_retries_refused_total{cluster=\"shop\"}"), 10);
}

#[test]
fn an_endpoint_that_fails_again_and_again_is_left_alone() {
    let (bad, good) = (Origin::behaving(Manner::saying("").dying(Death::OnRequest)), Origin::saying("good"));
    let edge = edge(&format!(
        "endpoints: ['{}', '{}'], retries: 0, eject: {{ failures: 3, time: 1m }}",
        bad.address(),
        good.address()
    ));
    let statuses: Vec<_> = (0..20).map(|_| edge.get("/").status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 3, "{statuses:?}");
    super::said(&edge, &format!("endpoint {} is ejected for 60s", bad.address()));
    let labels = format!("{{cluster=\"shop\",endpoint=\"{}\"}}", bad.address());
    assert_eq!(metric(&edge, &format!("edgeloom_endpoint_ejected{labels}")), 1);
    assert_eq!(metric(&edge, &format!("edgeloom_endpoint_ejections_total{labels}")), 1);
}

#[test]
fn an_ejection_ends() {
    let (bad, good) = (Origin::behaving(Manner::saying("bad").with_status(503)), Origin::saying("good"));
    let edge = edge(&format!(
        "endpoints: ['{}', '{}'], eject: {{ failures: 1, time: 200ms }}",
        bad.address(),
        good.address()
    ));
    let mut statuses: Vec<_> = (0..2).map(|_| edge.get("/").status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    bad.change_status(200);
    let asked = bad.requests();
    let until = Instant::now() + super::SOON;
    while bad.requests() == asked {
        assert_eq!(edge.get("/").status(), 200);
        assert!(Instant::now() < until, "it is never asked again");
    }
}

#[test]
fn the_first_byte_and_the_whole_have_their_times() {
    let origin = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(30)));
    for timeouts in ["first_byte: 100ms", "total: 100ms", "first_byte: 1m, read: 100ms, total: 200ms"] {
        let edge = edge(&format!("endpoints: ['{}'], timeouts: {{ {timeouts} }}", origin.address()));
        let began = Instant::now();
        assert_eq!(edge.get("/").status(), 504, "{timeouts}");
        assert!(began.elapsed() < Duration::from_secs(10), "{timeouts}");
        assert_eq!(line_about(&edge, "/")["failure"], "the endpoint took too long");
    }
}

#[test]
fn a_response_may_take_longer_than_its_first_byte_but_not_than_the_whole() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = origin.local_addr().unwrap();
    let begin = || {
        let (mut upstream, _) = origin.accept().unwrap();
        let mut asked = [0; 1024];
        assert!(upstream.read(&mut asked).unwrap() > 0);
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").unwrap();
        upstream
    };
    let edge = edge(&format!("endpoints: ['{address}'], timeouts: {{ first_byte: 50ms }}"));
    let whole = std::thread::scope(|threads| {
        let asking = threads.spawn(|| edge.get("/").text().to_owned());
        let mut upstream = begin();
        // The edge would have closed it by then.
        upstream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(upstream.read(&mut [0; 1]).is_err());
        upstream.write_all(b"cd").unwrap();
        asking.join().unwrap()
    });
    assert_eq!(whole, "abcd");

    let edge = self::edge(&format!("endpoints: ['{address}'], timeouts: {{ total: 200ms }}"));
    std::thread::scope(|threads| {
        let asking = threads.spawn(|| Client::to(edge.address()).attempt(Request::get("/")).is_err());
        let mut upstream = begin();
        upstream.set_read_timeout(Some(super::SOON)).unwrap();
        assert_eq!(upstream.read(&mut [0; 1]).unwrap(), 0, "the edge has had enough");
        assert!(asking.join().unwrap(), "and the client does not take it for the whole");
    });
}

#[test]
fn what_is_too_much_is_refused_or_waits() {
    let origin = Origin::behaving(Manner::saying("done").slow(Duration::from_millis(300)));
    for (limits, waits) in [("requests: 1", false), ("requests: 1, waiting: 1, wait: 10s", true)] {
        let edge = edge(&format!("endpoints: ['{}'], limits: {{ {limits} }}", origin.address()));
        let asked = origin.requests();
        std::thread::scope(|threads| {
            let first = threads.spawn(|| Client::to(edge.address()).get("/").status());
            while origin.requests() == asked {
                std::thread::yield_now();
            }
            let second = edge.get("/second");
            assert_eq!(second.status(), if waits { 200 } else { 503 }, "{limits}");
            assert_eq!(first.join().unwrap(), 200);
        });
        if !waits {
            assert_eq!(line_about(&edge, "/second")["failure"], "the cluster has its hands full");
            assert_eq!(metric(&edge, "edgeloom_cluster_overloads_total{cluster=\"shop\"}"), 1);
        }
        assert_eq!(edge.get("/").status(), 200, "there is room again");
    }
}

#[test]
fn a_cluster_that_fails_is_left_in_peace_until_one_gets_through() {
    let origin = Origin::behaving(Manner::saying("").with_status(503));
    let edge = edge(&format!(
        "endpoints: ['{}'], breaker: {{ failures: 50%, requests: 5, pause: 300ms }}",
        origin.address()
    ));
    (0..5).for_each(|_| assert_eq!(edge.get("/").status(), 503));
    super::said(&edge, "cluster `shop` is left in peace");
    let asked = origin.requests();
    assert_eq!(edge.get("/refused").status(), 503);
    assert_eq!(line_about(&edge, "/refused")["failure"], "the cluster is left in peace");
    assert_eq!(origin.requests(), asked);
    assert_eq!(metric(&edge, "edgeloom_cluster_breaker_open{cluster=\"shop\"}"), 1);
    origin.change_status(200);
    let until = Instant::now() + super::SOON;
    while edge.get("/").status() != 200 {
        assert!(Instant::now() < until, "nobody gets through");
    }
    super::said(&edge, "cluster `shop` is asked again");
    (0..5).for_each(|_| assert_eq!(edge.get("/").status(), 200));
}
