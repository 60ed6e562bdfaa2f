use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Edge, Launch, Manner, Origin, Request};
use serde_json::Value;

/// A configuration whose only filter marks requests and responses with this text.
fn marking(mark: &str, origin: &Origin) -> String {
    format!(
        "filters:
  mark: {{ module: headers, settings: {{ request: {{ set: {{ x-mark: '{mark}' }} }}, response: {{ set: {{ x-mark: '{mark}' }} }} }} }}
clusters: {{ origin: {{ endpoints: ['{}'] }} }}
routes: [{{ name: all, filters: [mark], to: origin }}]
",
        origin.address()
    )
}

#[track_caller]
fn live(edge: &Edge, number: u64) -> Value {
    super::said(edge, &format!("generation {number} is live"))
}

#[test]
fn an_edited_configuration_is_live_at_the_next_request() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&marking("one", &origin));
    assert_eq!(edge.get("/1").header("x-mark"), Some("one"));
    edge.edit(|text| text.replace("'one'", "'two'"));
    let line = live(&edge, 2);
    assert_eq!((&line["filters"], &line["made"]), (&1.into(), &1.into()));
    let response = edge.get("/2");
    assert_eq!((response.header("x-mark"), response.echo().header("x-mark")), (Some("two"), Some("two")));
    super::said(&edge, "generation 1 has drained");
    let generations: Vec<_> =
        ["/1", "/2"].iter().map(|path| super::line_about(&edge, path)["generation"].clone()).collect();
    assert_eq!(generations, [1, 2]);
    assert_eq!(super::metric(&edge, "edgeloom_swaps_total{outcome=\"accepted\"}"), 1);
}

#[test]
fn a_file_written_in_place_counts_as_well() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    let text = fs::read_to_string(edge.configuration()).unwrap();
    fs::write(edge.configuration(), text.replace("'one'", "'two'")).unwrap();
    live(&edge, 2);
    assert_eq!(edge.get("/").header("x-mark"), Some("two"));
}

#[test]
fn what_means_nothing_new_changes_nothing() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    edge.edit(|text| format!("# a comment\n{text}"));
    fs::write(edge.folder().join("notes.txt"), "not mine").unwrap();
    edge.edit(|text| text.replace("'one'", "'two'"));
    live(&edge, 2);
    assert_eq!(edge.get("/").header("x-mark"), Some("two"));
    assert_eq!(super::metric(&edge, "edgeloom_generation"), 2);
}

#[test]
fn a_signal_and_a_request_are_reasons_too() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    edge.hup();
    let line = live(&edge, 2);
    assert_eq!(line["made"], 0, "what has not changed is used again");
    let response = edge.reload();
    assert_eq!((response.status(), &response.json::<Value>()["number"]), (200, &3.into()));
    assert_eq!(super::metric(&edge, "edgeloom_swaps_total{outcome=\"accepted\"}"), 2);
}

#[test]
fn a_configuration_that_is_wrong_changes_nothing_and_says_why() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    edge.edit(|text| text.replace("to: origin", "to: orgin"));
    let line = super::said(&edge, "swap refused");
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("there is no cluster `orgin`") && reason.contains("edge.yaml:"), "{reason}");
    let response = edge.reload();
    assert_eq!(response.status(), 422);
    assert!(response.text().contains("did you mean `origin`?"), "{}", response.text());
    assert_eq!(edge.get("/").header("x-mark"), Some("one"));
    assert_eq!(super::metric(&edge, "edgeloom_swaps_total{outcome=\"refused\"}"), 2);
    edge.edit(|text| text.replace("to: orgin", "to: origin").replace("'one'", "'two'"));
    live(&edge, 2);
}

#[test]
fn a_module_is_swapped_and_a_broken_one_is_not() {
    let origin = Origin::echo("origin");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.wasm");
    fs::copy(super::module("headers"), &file).unwrap();
    let edge = Edge::start(&format!(
        "modules: {{ headers: 'file:{}' }}\n{}",
        file.display(),
        marking("one", &origin)
    ));
    let fresh = folder.path().join("fresh");
    fs::write(&fresh, "no module").unwrap();
    fs::rename(&fresh, &file).unwrap();
    let reason = super::said(&edge, "swap refused")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("filter `mark`: ") && reason.contains("it.wasm"), "{reason}");
    assert_eq!(edge.get("/").header("x-mark"), Some("one"));
    let size =
        |edge: &Edge| edge.ask(Request::get("/v1/generation")).json::<Value>()["filters"][0]["size"].clone();
    let before = size(&edge);
    // Settings and module change together: neither is of use without the other.
    edge.edit(|text| text.replace("settings: {", "settings: {}, on_fault: skip } # {"));
    super::said(&edge, "swap refused");
    fs::copy(super::module("misbehaving/traps"), &fresh).unwrap();
    fs::rename(&fresh, &file).unwrap();
    assert_eq!(live(&edge, 2)["made"], 1);
    assert_ne!(size(&edge), before);
    assert_eq!((edge.get("/").status(), edge.get("/").header("x-mark")), (200, None));
}

#[test]
fn a_flipped_link_is_a_change() {
    let origin = Origin::saying("hello");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, mark) in [("..1", "one"), ("..2", "two")] {
        fs::create_dir(at(version)).unwrap();
        let listeners = "listeners: [{ bind: '127.0.0.1:0' }]\nadmin: off\ncache: off\n";
        let modules = format!("modules: {{ headers: 'file:{}' }}\n", super::module("headers").display());
        fs::write(at(version).join("edge.yaml"), format!("{listeners}{modules}{}", marking(mark, &origin)))
            .unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/edge.yaml", at("edge.yaml")).unwrap();
    let edge = Launch::file(at("edge.yaml")).start().unwrap();
    assert_eq!(edge.get("/").header("x-mark"), Some("one"));
    symlink("..2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    live(&edge, 2);
    assert_eq!(edge.get("/").header("x-mark"), Some("two"));
}

#[test]
fn an_exchange_ends_under_the_generation_that_it_began_with() {
    let origin = Origin::behaving(Manner::saying("hello").slow(Duration::from_millis(800)));
    let edge = Edge::start(&marking("one", &origin));
    std::thread::scope(|threads| {
        let open = threads.spawn(|| edge.get("/slow"));
        let deadline = Instant::now() + super::SOON;
        while origin.requests() == 0 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        edge.edit(|text| text.replace("'one'", "'two'"));
        live(&edge, 2);
        let generation: Value = edge.ask(Request::get("/v1/generation")).json();
        assert_eq!(generation["draining"], serde_json::json!([{ "number": 1, "exchanges": 1 }]));
        assert!(!edge.log().all().iter().any(|line| line["message"] == "generation 1 has drained"));
        assert_eq!(open.join().unwrap().header("x-mark"), Some("one"));
    });
    super::said(&edge, "generation 1 has drained");
    assert_eq!(super::line_about(&edge, "/slow")["generation"], 1);
}

#[test]
fn no_swap_loses_a_request_and_every_response_is_of_one_generation() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&marking("m1", &origin));
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let ask = |client: Client| {
        while !done.load(Ordering::Relaxed) {
            let response = client.attempt(Request::get("/")).unwrap();
            let (asked, mark) = (response.echo(), response.header("x-mark").unwrap().to_owned());
            assert_eq!((response.status(), asked.header("x-mark")), (200, Some(&*mark)));
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|threads| {
        let clients: Vec<_> = (0..8)
            .map(|n| if n % 2 == 0 { Client::to(edge.address()) } else { Client::h2c(edge.address()) })
            .map(|client| threads.spawn(|| ask(client)))
            .collect();
        for n in 2..=25 {
            edge.edit(|text| text.replace(&format!("'m{}'", n - 1), &format!("'m{n}'")));
            live(&edge, n);
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < before + 8
                && !clients.iter().any(|client| client.is_finished())
            {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(edge.get("/").header("x-mark"), Some("m25"));
    super::said(&edge, "generation 24 has drained");
    assert_eq!(super::metric(&edge, "edgeloom_generations_draining"), 0);
    assert_eq!(super::metric(&edge, "edgeloom_swaps_total{outcome=\"accepted\"}"), 24);
}

#[test]
fn reloads_that_come_together_are_answered_together() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    std::thread::scope(|threads| {
        let reloads: Vec<_> = (0..10).map(|_| threads.spawn(|| edge.reload().status())).collect();
        assert!(reloads.into_iter().all(|reload| reload.join().unwrap() == 200));
    });
    let number = super::metric(&edge, "edgeloom_generation");
    assert!((2..=11).contains(&number), "{number}");
}

#[test]
fn what_needs_a_restart_is_told_and_the_rest_changes() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    edge.edit(|text| {
        format!("workers: 3\n{}", text.replace("trust: [", "h2c: false, trust: [").replace("'one'", "'two'"))
    });
    let line = super::said(&edge, "restart needed");
    assert_eq!(line["fields"], "listeners, workers");
    live(&edge, 2);
    assert_eq!(edge.get("/").header("x-mark"), Some("two"));
}

#[test]
fn whom_a_listener_trusts_changes_with_a_swap() {
    let origin = Origin::saying("hello");
    let edge = Edge::start(&marking("one", &origin));
    edge.request(Request::get("/1").forwarded_for("203.0.113.7"));
    edge.edit(|text| text.replace("trust: ['127.0.0.0/8']", "trust: []"));
    live(&edge, 2);
    edge.request(Request::get("/2").forwarded_for("203.0.113.7"));
    let clients: Vec<_> =
        ["/1", "/2"].iter().map(|path| super::line_about(&edge, path)["client"].clone()).collect();
    assert_eq!(clients, ["203.0.113.7", "127.0.0.1"]);
}

#[test]
fn a_geo_database_is_swapped_like_everything_else() {
    let origin = Origin::echo("origin");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    edgeloom_testbed::geo::write(edgeloom_testbed::geo::Layout::City, &at("city.mmdb")).unwrap();
    let edge = Edge::start(&format!(
        "
        geo: {{ database: '{}' }}
        filters: {{ locate: {{ module: geo, grants: [geo] }} }}
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, filters: [locate], to: origin }}]
        ",
        at("city.mmdb").display(),
        origin.address()
    ));
    edge.hup();
    assert_eq!(live(&edge, 2)["made"], 0);
    edgeloom_testbed::geo::write(edgeloom_testbed::geo::Layout::Flat, &at("fresh")).unwrap();
    fs::rename(at("fresh"), at("city.mmdb")).unwrap();
    live(&edge, 3);
    fs::write(at("fresh"), "no database").unwrap();
    fs::rename(at("fresh"), at("city.mmdb")).unwrap();
    assert!(super::said(&edge, "swap refused")["reason"].as_str().unwrap().contains("city.mmdb"));
    assert_eq!(edge.get("/").status(), 200);
    assert!(Path::new(&at("city.mmdb")).is_file());
}
