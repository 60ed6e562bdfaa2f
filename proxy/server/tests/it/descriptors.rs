use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Launch, Origin, Raw};

use super::{SOON, metric, said};

fn yaml(origin: &Origin, limits: &str) -> String {
    format!(
        "
        limits: {{ {limits} }}
        routes: [{{ name: all, to: origin }}]
        clusters: {{ origin: {{ endpoints: ['{}'], health: {{ interval: 100ms, unhealthy_after: 1 }} }} }}
        ",
        origin.address()
    )
}

/// The soft and the hard limit that a process has.
fn limits_of(edge: &Edge) -> Vec<u64> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", edge.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().take(2).map(|limit| limit.parse().unwrap()).collect()
}

#[test]
fn the_edge_takes_as_many_files_as_it_may_have() {
    let origin = Origin::saying("hello");
    let launch = Launch::yaml(&yaml(&origin, "connections: 1000")).descriptors(64, 4096);
    let edge = launch.start().unwrap();
    assert_eq!(limits_of(&edge), [4096, 4096]);
    assert!(!edge.log().all().iter().any(|line| line["level"] == "WARN"), "{:?}", edge.log().all());
    assert_eq!(edge.get("/").text(), "hello");
}

#[test]
fn who_may_not_have_enough_files_is_told_how_many_are_needed() {
    let origin = Origin::saying("hello");
    let edge = Launch::yaml(&yaml(&origin, "connections: 2000")).descriptors(64, 4096).start().unwrap();
    let warning = said(&edge, "`limits.connections`");
    let text = warning["message"].as_str().unwrap();
    for part in
        ["is 2000", "5536 files", "have 4096", "LimitNOFILE=5536", "lower `limits.connections` to 1280"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(warning["level"], "WARN");
    // With what it names, there is nothing to say any more; one more is too many.
    for (connections, concern) in [(1280, false), (1281, true)] {
        let file = edge.folder().join("checked.yaml");
        let text = fs::read_to_string(edge.configuration()).unwrap();
        fs::write(&file, text.replace("connections: 2000", &format!("connections: {connections}"))).unwrap();
        let binary = fs::read_link(format!("/proc/{}/exe", edge.pid())).unwrap();
        let mut check = Command::new("sh");
        check.args(["-c", "ulimit -n 4096 && exec \"$0\" check \"$1\""]).arg(binary).arg(&file);
        let checked = check.output().unwrap();
        let told = String::from_utf8(checked.stderr).unwrap();
        assert!(checked.status.success(), "{told}");
        assert_eq!(told.contains("warning: `limits.connections` is 1281"), concern, "{told}");
    }
}

/// Connections that wait to be accepted are, as soon as somebody leaves; meanwhile the edge neither spins nor chatters.
#[test]
fn without_files_left_clients_wait_and_the_log_is_told_once() {
    let origin = Origin::saying("hello");
    let edge = Launch::yaml(&yaml(&origin, "keepalive: 60s")).descriptors(64, 64).start().unwrap();
    assert_eq!(edge.get("/").text(), "hello");
    let mut held: Vec<_> = (0..100).map(|_| Raw::connect(edge.address()).unwrap()).collect();
    let told = said(&edge, "connections can not be accepted");
    assert!(told["message"].as_str().unwrap().contains("LimitNOFILE"), "{told}");
    assert_eq!((told["level"].as_str(), told["tries"].as_u64()), (Some("ERROR"), Some(1)));
    // A second of it is ten tries, and as many checks of the endpoint.
    let (cpu, began) = (edge.cpu().unwrap(), Instant::now());
    let mut late = held.pop().unwrap();
    late.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(late.answer(Duration::from_secs(1)).unwrap().is_empty(), "there was room for it");
    let spent = edge.cpu().unwrap() - cpu;
    assert!(spent < began.elapsed() / 5, "{spent:?} of processor time");
    // The first ones leave, and the last one's turn comes.
    drop(held);
    let answer = late.answer(SOON).unwrap();
    assert!(answer.ends_with(b"hello"), "{}", answer.escape_ascii());
    assert_eq!(Client::to(edge.address()).get("/").text(), "hello");
    let lines = edge.log().all();
    let errors = lines.iter().filter(|line| line["level"] == "ERROR");
    assert_eq!(errors.count(), 1, "{lines:?}");
    let unwell =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains("is unwell"));
    assert!(!lines.iter().any(unwell), "{lines:?}");
    assert_eq!(metric(&edge, "edgeloom_connections_turned_away_total{reason=\"connections\"}"), 0);
}

/// What the edge has none left of is not held against endpoints.
#[test]
fn without_files_left_nobody_is_ejected() {
    let (origin, other) = (Origin::saying("hello"), Origin::saying("hello"));
    let text = format!(
        "
        routes: [{{ name: all, to: origins }}]
        clusters:
          origins: {{ endpoints: ['{}', '{}'], eject: {{ failures: 2 }} }}
        ",
        origin.address(),
        other.address()
    );
    let edge = Launch::yaml(&text).descriptors(64, 64).start().unwrap();
    // These come first, so they are in when others are not; and no connection to an endpoint is open yet.
    let mut held: Vec<_> = (0..100).map(|_| Raw::connect(edge.address()).unwrap()).collect();
    said(&edge, "connections can not be accepted");
    for inside in held.iter_mut().take(6) {
        inside.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    }
    let answers = held.iter_mut().take(6).map(|inside| inside.answer(SOON).unwrap());
    let answers: Vec<_> = answers.map(|answer| String::from_utf8(answer).unwrap().to_lowercase()).collect();
    // Each of those who are answered leaves, and the next may find a file.
    let refused = answers.iter().filter(|answer| answer.starts_with("http/1.1 503 ")).count();
    assert!(refused > 0, "{answers:?}");
    assert!(
        answers.iter().all(|answer| answer.contains("retry-after: ") || answer.ends_with("hello")),
        "{answers:?}"
    );
    drop(held);
    let deadline = Instant::now() + SOON;
    while metric(&edge, "edgeloom_connections_open") > 0 {
        assert!(Instant::now() < deadline, "they have gone");
        std::thread::yield_now();
    }
    assert_eq!(edge.get("/").text(), "hello");
    let ejected =
        |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.contains("is ejected"));
    assert!(!edge.log().all().iter().any(ejected), "{:?}", edge.log().all());
    let failures = "edgeloom_connect_failures_total{cluster=\"origins\"}";
    assert_eq!(metric(&edge, failures), 0);
}
