//! Endpoints that are names: where they lead is followed.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use edgeloom_testbed::{Client, Edge, Launch, Manner, Mood, NameServer, Origin};

/// Two origins on the same port of two addresses, 127.0.0.1 and 127.0.0.2, that say their names.
fn twins() -> (Origin, Origin, u16) {
    loop {
        let one = Origin::saying("one");
        let port = one.address().port();
        let second = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port));
        // Somebody else may have that port there.
        if let Ok(two) = Origin::start(second, Manner::saying("two")) {
            return (one, two, port);
        }
    }
}

fn yaml(server: &NameServer, endpoint: &str, dns: &str) -> String {
    format!(
        "
        dns: {{ servers: ['{}'], timeout: 300ms, {dns} }}
        clusters: {{ origin: {{ endpoints: ['{endpoint}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        server.address()
    )
}

#[test]
fn a_name_is_followed_as_its_records_say() {
    let (_one, _two, port) = twins();
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1"], 1);
    let edge = Edge::start(&yaml(&server, &format!("shop.internal:{port}"), "refresh_min: 100ms"));
    assert_eq!(edge.get("/first").text(), "one", "it is looked up before anybody is served");
    let line = super::line_about(&edge, "/first");
    assert_eq!(line["endpoint"], format!("shop.internal:{port}"));
    assert_eq!(line["address"], format!("127.0.0.1:{port}"));
    server.set("shop.internal", &["127.0.0.2"], 1);
    let before = server.questions();
    super::said(&edge, "`shop.internal` leads to 127.0.0.2");
    assert_eq!(edge.get("/").text(), "two");
    // A question for each version; one more look-up may have come in meanwhile.
    assert!(server.questions() - before <= 4, "{} questions in a second", server.questions() - before);
}

#[test]
fn records_that_are_valid_for_long_are_not_waited_for() {
    let (_one, _two, port) = twins();
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1"], 3600);
    let dns = "refresh_min: 100ms, refresh_max: 200ms";
    let edge = Edge::start(&yaml(&server, &format!("shop.internal:{port}"), dns));
    server.set("shop.internal", &["127.0.0.2"], 3600);
    super::said(&edge, "`shop.internal` leads to 127.0.0.2");
    assert_eq!(edge.get("/").text(), "two");
}

#[test]
fn every_address_takes_its_turns() {
    let (one, two, port) = twins();
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1", "127.0.0.2"], 60);
    let edge = Edge::start(&yaml(&server, &format!("shop.internal:{port}"), ""));
    for _ in 0..20 {
        assert_eq!(edge.get("/").status(), 200);
    }
    assert_eq!((one.requests(), two.requests()), (10, 10));
    assert_eq!((one.connections(), two.connections()), (1, 1), "connections are used again");
    assert_eq!(super::metric(&edge, "edgeloom_lookup_addresses{name=\"shop.internal\"}"), 2);
}

#[test]
fn addresses_outlive_a_name_server_that_fails() {
    let (_one, _two, port) = twins();
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1"], 1);
    let dns = "refresh_min: 100ms, refresh_max: 100ms";
    let edge = Edge::start(&yaml(&server, &format!("shop.internal:{port}"), dns));
    let failures = "edgeloom_lookups_total{name=\"shop.internal\",outcome=\"failed\"}";
    assert_eq!(super::metric(&edge, failures), 0);
    for mood in [Mood::Fails, Mood::Silent] {
        server.feel(mood);
        super::said(&edge, "`shop.internal` can not be looked up; its 1 addresses are kept");
        assert_eq!(edge.get("/").text(), "one");
    }
    assert!(super::metric(&edge, failures) > 0);
    server.set("shop.internal", &["127.0.0.2"], 1);
    server.feel(Mood::Answers);
    super::said(&edge, "`shop.internal` leads to 127.0.0.2");
    assert_eq!(edge.get("/").text(), "two");
}

#[test]
fn an_edge_starts_before_its_names_lead_anywhere() {
    let origin = Origin::saying("hello");
    let server = NameServer::start();
    let endpoint = format!("shop.internal:{}", origin.address().port());
    let edge = Edge::start(&yaml(&server, &endpoint, "refresh_min: 100ms, refresh_max: 200ms"));
    let response = edge.get("/");
    assert_eq!((response.status(), response.first_line()), (503, "No server is there to answer."));
    server.set("shop.internal", &["127.0.0.1"], 60);
    super::said(&edge, "`shop.internal` leads to 127.0.0.1");
    assert_eq!(edge.get("/").text(), "hello");
}

#[test]
fn names_outlive_a_swap_and_new_ones_are_looked_up_before_it() {
    let (_one, _two, port) = twins();
    let server = NameServer::start();
    server.set("one.internal", &["127.0.0.1"], 60);
    server.set("two.internal", &["127.0.0.2"], 60);
    let edge = Edge::start(&yaml(&server, &format!("one.internal:{port}"), ""));
    for (from, to, says) in [("all,", "every,", "one"), ("one.internal", "two.internal", "two")] {
        edge.edit(|text| text.replace(from, to));
        assert_eq!(edge.reload().status(), 200);
        assert_eq!(edge.get("/").text(), says);
    }
}

#[test]
fn the_systems_own_names_are_known_without_a_name_server() {
    let origin = Origin::saying("hello");
    let server = NameServer::start();
    server.feel(Mood::Silent);
    let edge = Edge::start(&yaml(&server, &format!("localhost:{}", origin.address().port()), ""));
    assert_eq!(edge.get("/").text(), "hello");
}

#[test]
fn an_address_that_leads_nowhere_is_passed_by_for_one_of_the_other_version() {
    let origin = Origin::saying("four");
    let port = origin.address().port();
    let _hole = black_hole(port);
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1", "::1"], 60);
    let yaml = yaml(&server, &format!("shop.internal:{port}"), "");
    let edge = Edge::start(&yaml.replace("endpoints:", "timeouts: { connect: 10s }, endpoints:"));
    // On connections of their own, so that none is used again.
    let slowest = (0..4)
        .map(|n| {
            assert_eq!(Client::to(edge.address()).get(&format!("/{n}")).text(), "four");
            super::line_about(&edge, &format!("/{n}"))["duration_us"].as_u64().unwrap()
        })
        .max();
    let slowest = slowest.unwrap();
    assert!(
        (250_000..3_000_000).contains(&slowest),
        "one waits for the head start, and no longer: {slowest}"
    );
    super::said(&edge, "`shop.internal` is slow at ::1");
    assert_eq!(super::metric(&edge, "edgeloom_lookup_addresses{name=\"shop.internal\"}"), 1);
    for n in 10..14 {
        assert_eq!(edge.get(&format!("/{n}")).text(), "four");
        let took = super::line_about(&edge, &format!("/{n}"))["duration_us"].as_u64().unwrap();
        assert!(took < 250_000, "nobody waits any more: {took}");
    }
}

/// A listener of version 6 on this port that answers no more connections.
fn black_hole(port: u16) -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let address = socket2::SockAddr::from(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)));
    let listener = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    listener.set_only_v6(true).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let mut waiting = Vec::new();
    // Until the queue is full: the kernel then drops what comes in, as a black hole would.
    loop {
        let client = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        let late = client.connect_timeout(&address, std::time::Duration::from_millis(200)).is_err();
        waiting.push(client);
        if late {
            return (listener, waiting);
        }
        assert!(waiting.len() < 64, "the queue is never full");
    }
}

#[test]
fn a_check_warns_of_names_that_lead_nowhere() {
    let server = NameServer::start();
    server.set("here.internal", &["127.0.0.1"], 60);
    let edge = Edge::start(&yaml(&server, "here.internal:80", ""));
    let text = std::fs::read_to_string(edge.configuration()).unwrap();
    let file = edge.folder().join("other.yaml");
    std::fs::write(&file, text.replace("here.internal", "there.internal")).unwrap();
    for (file, warned) in [(edge.configuration(), false), (&*file, true)] {
        let checked = Command::new(env!("CARGO_BIN_EXE_edgeloom")).arg("check").arg(file).output().unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(checked.status.success(), "{said}");
        assert_eq!(said.contains("warning: `there.internal` can not be looked up: "), warned, "{said}");
    }
}

#[test]
fn names_that_nobody_names_any_more_are_not_looked_up() {
    let origin = Origin::saying("hello");
    let server = NameServer::start();
    server.set("shop.internal", &["127.0.0.1"], 1);
    let endpoint = format!("shop.internal:{}", origin.address().port());
    let dns = "refresh_min: 100ms, refresh_max: 100ms";
    let edge = Launch::yaml(&yaml(&server, &endpoint, dns)).start().unwrap_or_else(|error| panic!("{error}"));
    edge.edit(|text| text.replace(&endpoint, &origin.address().to_string()));
    assert_eq!(edge.reload().status(), 200);
    super::said(&edge, "generation 1 has drained");
    assert_eq!(edge.get("/").text(), "hello");
    let deadline = std::time::Instant::now() + super::SOON;
    loop {
        let metrics = edge.ask(edgeloom_testbed::Request::get("/metrics")).text().to_owned();
        if !metrics.contains("name=\"shop.internal\"") {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{metrics}");
    }
}
