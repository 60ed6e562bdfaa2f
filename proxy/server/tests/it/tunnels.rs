mod endpoints; // how they are reached, and what becomes of those that fail

use std::net::TcpListener;
use std::time::Duration;

use edgeloom_testbed::{Client, Edge, Launch, Origin, Raw, Request};
use serde_json::Value;

use super::SOON;

const ASK: &str = "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-key: k\r\n\r\n";
const CONSENT: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: a\r\n\r\n";

/// An endpoint that a test speaks for, and an edge before it.
struct Stage {
    listener: TcpListener,
    edge: Edge,
}

impl Stage {
    /// `more` goes into the route; `{origin}` in the cluster is where the endpoint is.
    fn set(more: &str, cluster: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cluster = cluster.replace("{origin}", &format!("'{}'", listener.local_addr().unwrap()));
        let edge = Edge::start(&format!(
            "
            drain: 300ms
            filters:
              mark: {{ module: headers, settings: {{ request: {{ set: {{ x-seen: 'yes' }} }}, response: {{ set: {{ x-marked: 'yes' }} }} }} }}
              block: {{ module: route, settings: {{ rules: [{{ when: {{ query: {{ go: '*' }} }}, redirect: {{ to: /elsewhere }} }}] }} }}
            clusters: {{ origin: {{ {cluster} }} }}
            routes: [{{ name: all, filters: [block, mark], to: origin, {more} }}]
            "
        ));
        Self { listener, edge }
    }

    fn plain() -> Self {
        Self::set("", "endpoints: [{origin}]")
    }

    /// The two ends of a tunnel that has just been opened.
    fn open(&self) -> (Raw, Raw) {
        let mut client = Raw::connect(self.edge.address()).unwrap();
        client.send(ASK.as_bytes()).unwrap();
        let (endpoint, _) = self.agree();
        assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
        (client, endpoint)
    }

    /// The endpoint agrees; and what it was asked.
    fn agree(&self) -> (Raw, String) {
        let mut endpoint = Raw::accept(&self.listener).unwrap();
        let asked = head(&mut endpoint);
        endpoint.send(CONSENT.as_bytes()).unwrap();
        (endpoint, asked)
    }

    fn line(&self) -> Value {
        super::line_about(&self.edge, "/socket")
    }
}

fn head(raw: &mut Raw) -> String {
    String::from_utf8(raw.until(b"\r\n\r\n", SOON).unwrap())
        .unwrap()
        .to_lowercase()
        .replacen("http", "HTTP", 1)
}

/// Says something on one end, and waits for it on the other.
fn passes(from: &mut Raw, to: &mut Raw, text: &str) {
    from.send(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(to.exactly(text.len(), SOON).unwrap()).unwrap(), text);
}

#[test]
fn a_tunnel_passes_bytes_both_ways_until_both_sides_have_closed() {
    let stage = Stage::plain();
    let mut client = Raw::connect(stage.edge.address()).unwrap();
    client.send(ASK.as_bytes()).unwrap();
    let (mut endpoint, asked) = stage.agree();
    for line in ["connection: upgrade", "upgrade: websocket", "sec-websocket-key: k", "x-seen: yes"] {
        assert!(asked.contains(&format!("{line}\r\n")), "{line} is not in {asked}");
    }
    assert!(!asked.contains("keep-alive"), "{asked}");
    let consent = head(&mut client);
    for line in ["connection: upgrade", "upgrade: websocket", "sec-websocket-accept: a", "x-marked: yes"] {
        assert!(consent.contains(&format!("{line}\r\n")), "{line} is not in {consent}");
    }
    for _ in 0..3 {
        passes(&mut client, &mut endpoint, "to the endpoint");
        passes(&mut endpoint, &mut client, "to the client");
    }
    assert_eq!(super::metric(&stage.edge, "edgeloom_tunnels_open"), 1);
    // The client has closed; it still hears the endpoint.
    client.finish().unwrap();
    assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    passes(&mut endpoint, &mut client, "and good-bye");
    endpoint.finish().unwrap();
    assert_eq!(client.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    let line = stage.line();
    assert_eq!(
        (&line["status"], &line["endpoint"]),
        (&101.into(), &stage.listener.local_addr().unwrap().to_string().into())
    );
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&45.into(), &51.into()));
    assert_eq!(
        line["tunnel"],
        serde_json::json!({ "protocol": "WebSocket", "ended": "the client closed it" })
    );
    assert_eq!(super::metric(&stage.edge, "edgeloom_tunnels_open"), 0);
    assert_eq!(super::metric(&stage.edge, "edgeloom_exchanges_total{route=\"all\",status=\"1xx\"}"), 1);
}

/// Pingora's own tunnels are lost in one of five tries where the endpoint is quick.
#[test]
fn two_hundred_tunnels_in_a_row_are_all_alive() {
    let stage = Stage::plain();
    for turn in 0..200 {
        let (mut client, mut endpoint) = stage.open();
        passes(&mut endpoint, &mut client, &format!("hello {turn}"));
        passes(&mut client, &mut endpoint, &format!("hello yourself {turn}"));
        passes(&mut endpoint, &mut client, "still there");
    }
}

#[test]
fn what_is_said_early_is_not_lost() {
    let stage = Stage::plain();
    let mut client = Raw::connect(stage.edge.address()).unwrap();
    client.send(format!("{ASK}too early").as_bytes()).unwrap();
    let mut endpoint = Raw::accept(&stage.listener).unwrap();
    head(&mut endpoint);
    endpoint.send(format!("{CONSENT}right behind").as_bytes()).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
    assert_eq!(client.exactly(12, SOON).unwrap(), b"right behind");
    assert_eq!(endpoint.exactly(9, SOON).unwrap(), b"too early");
}

#[test]
fn a_filter_may_answer_instead() {
    let stage = Stage::plain();
    let mut client = Raw::connect(stage.edge.address()).unwrap();
    client.send(ASK.replace("/socket", "/socket?go=1").as_bytes()).unwrap();
    let answer = String::from_utf8(client.answer(SOON).unwrap()).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 30") && answer.contains("location: /elsewhere"), "{answer}");
    // The connection is one of HTTP still.
    client.send(ASK.as_bytes()).unwrap();
    stage.agree();
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
}

#[test]
fn a_response_that_is_no_consent_is_passed_on_as_any_other() {
    let stage = Stage::plain();
    let mut client = Raw::connect(stage.edge.address()).unwrap();
    for (response, body) in [
        (
            "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 5\r\nconnection: close, x-hop\r\nx-hop: 1\r\n\r\nnever",
            "never",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\n\r\n",
            "5\r\nplain\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.0 403 No\r\n\r\ngo away",
            "7\r\ngo away\r\n0\r\n\r\n",
        ),
    ] {
        client.send(ASK.as_bytes()).unwrap();
        let mut endpoint = Raw::accept(&stage.listener).unwrap();
        head(&mut endpoint);
        endpoint.send(response.as_bytes()).unwrap();
        drop(endpoint);
        let mut answer = head(&mut client);
        if answer.starts_with("HTTP/1.1 103") {
            assert!(answer.contains("link: </a.css>"), "{answer}");
            answer = head(&mut client);
        }
        assert!(answer.contains("x-marked: yes") && !answer.contains("x-hop"), "{answer}");
        assert_eq!(answer.split(' ').nth(1), response.rsplit("HTTP/1.").next().unwrap().split(' ').nth(1));
        assert_eq!(String::from_utf8(client.exactly(body.len(), SOON).unwrap()).unwrap(), body);
    }
}

#[test]
fn other_upgrades_are_passed_on_as_the_plain_requests_that_they_also_are() {
    let origin = Origin::echo("origin");
    let edge = Edge::start(&format!(
        "
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes:
          - {{ name: all, to: origin }}
          - {{ name: none, when: {{ path: /none }}, upgrades: {{ protocols: [] }}, to: origin }}
        ",
        origin.address()
    ));
    let ask = |path: &str, connection: &str, upgrade: &str| {
        Request::get(path).header("connection", connection).header("upgrade", upgrade)
    };
    for request in [
        ask("/", "upgrade", "h2c"),
        ask("/", "upgrade", "spdy"),
        ask("/", "keep-alive", "websocket"),
        ask("/none", "upgrade", "websocket"),
    ] {
        let response = edge.request(request);
        assert_eq!((response.status(), response.echo().header("upgrade")), (200, None));
    }
    let with_body = Request::post("/", "body").header("connection", "upgrade").header("upgrade", "websocket");
    assert_eq!(edge.request(with_body).echo().body_length, 4);
    // HTTP/2 has no upgrades, and its streams no protocol of their own: the client is told by a plain answer.
    let h2 = Client::h2c(edge.address());
    assert_eq!(h2.get("/").echo().header("upgrade"), None);
}

#[test]
fn an_endpoint_that_can_not_be_reached_is_passed_over() {
    let stage = Stage::set("", "endpoints: ['127.0.0.1:1', {origin}]");
    for _ in 0..4 {
        let (mut client, mut endpoint) = stage.open();
        passes(&mut client, &mut endpoint, "hello");
    }
    let failures = super::metric(&stage.edge, "edgeloom_connect_failures_total{cluster=\"origin\"}");
    assert_eq!(failures, 2);
}

#[test]
fn an_endpoint_that_does_not_play_along_is_a_bad_gateway() {
    let stage = Stage::set("", "endpoints: [{origin}], timeouts: { read: 200ms }");
    for (answer, status, failure) in [
        (
            "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
            "502",
            "the endpoint's response is malformed",
        ),
        ("HTTP/1.1 101 Switching\r\n\r\n", "502", "the endpoint's response is malformed"),
        ("nonsense\r\n\r\n", "502", "the endpoint's response is malformed"),
        ("", "504", "the endpoint took too long"),
    ] {
        let lines = stage.edge.access().count();
        let mut client = Raw::connect(stage.edge.address()).unwrap();
        client.send(ASK.as_bytes()).unwrap();
        let mut endpoint = Raw::accept(&stage.listener).unwrap();
        head(&mut endpoint);
        endpoint.send(answer.as_bytes()).unwrap();
        assert_eq!(head(&mut client).split(' ').nth(1), Some(status), "{answer}");
        let line = stage.edge.access().wait(lines, SOON, |_| true).unwrap();
        assert_eq!(line["failure"], failure, "{answer}");
    }
}

#[test]
fn a_silent_tunnel_ends_and_pings_keep_one_open() {
    let stage = Stage::set("upgrades: { idle: 500ms }", "endpoints: [{origin}]");
    let (mut client, mut endpoint) = stage.open();
    let begun = std::time::Instant::now();
    // Each waits for silence of 200 milliseconds, and then breaks it.
    for _ in 0..5 {
        assert_eq!(client.exactly(1, Duration::from_millis(200)).unwrap(), b"");
        passes(&mut client, &mut endpoint, "ping");
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(client.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(stage.line()["tunnel"]["ended"], "nothing passed for too long");
}

#[test]
fn a_tunnel_stays_open_through_swaps_and_is_cut_when_a_shutdown_has_waited_for_long_enough() {
    let stage = Stage::plain();
    let (mut client, mut endpoint) = stage.open();
    stage.edge.edit(|yaml| yaml.replace("x-marked", "x-changed"));
    super::said(&stage.edge, "generation 2 is live");
    passes(&mut client, &mut endpoint, "still there");
    passes(&mut endpoint, &mut client, "and so am I");
    let stopped = stage.edge.stop();
    assert!(stopped.status.success() && stopped.took < Duration::from_secs(5), "{stopped:?}");
    super::said(&stage.edge, "1 exchanges were cut off");
    assert_eq!(client.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    let line = stage.line();
    assert_eq!((&line["status"], &line["tunnel"]["ended"]), (&101.into(), &"the edge was shut down".into()));
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&11.into(), &11.into()));
}

/// Each direction on its own; that both may be full at once is asked beside the code.
#[test]
fn much_passes_either_way() {
    const MUCH: usize = 32 * 1024 * 1024;
    let stage = Stage::plain();
    let (mut client, mut endpoint) = stage.open();
    std::thread::scope(|threads| {
        let endpoint = threads.spawn(move || {
            endpoint.send(&vec![b'd'; MUCH]).unwrap();
            assert_eq!(endpoint.exactly(MUCH, SOON).unwrap().len(), MUCH);
        });
        client.send(b"u").unwrap();
        assert_eq!(client.exactly(MUCH, SOON).unwrap().len(), MUCH);
        client.send(&vec![b'u'; MUCH - 1]).unwrap();
        endpoint.join().unwrap();
    });
    drop(client);
    let line = stage.line();
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&MUCH.into(), &MUCH.into()));
}

#[test]
fn a_route_says_which_protocols_there_are() {
    let refused = Launch::yaml(
        "
        clusters: { a: { endpoints: ['127.0.0.1:1'] } }
        routes: [{ name: all, to: a, upgrades: { protocols: [h2c] } }]
        ",
    )
    .start();
    let Err(error) = refused else { panic!("an edge that tunnels HTTP") };
    assert!(error.to_string().contains("HTTP is never tunnelled"), "{error}");
}

#[test]
fn a_client_that_is_gone_ends_the_tunnel() {
    let stage = Stage::plain();
    let (client, mut endpoint) = stage.open();
    drop(client);
    assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    drop(endpoint);
    assert_eq!(stage.line()["tunnel"]["ended"], "the client closed it");
}
