use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use edgeloom_testbed::{Authority, Edge, Order, Origin, OriginTls, Raw};
use tempfile::TempDir;

use super::super::{SOON, line_about, metric, wait_for_metric};
use super::{ASK, CONSENT, Stage, head, passes};

fn ask(edge: &Edge) -> Raw {
    let mut client = Raw::connect(edge.address()).unwrap();
    client.send(ASK.as_bytes()).unwrap();
    client
}

/// The endpoint agrees, bytes pass both ways, and it closes the tunnel.
fn converse(edge: &Edge, client: &mut Raw, mut endpoint: Raw) {
    assert!(head(&mut endpoint).contains("upgrade: websocket"));
    endpoint.send(CONSENT.as_bytes()).unwrap();
    assert!(head(client).starts_with("HTTP/1.1 101 "));
    passes(client, &mut endpoint, "to the endpoint");
    passes(&mut endpoint, client, "to the client");
    endpoint.finish().unwrap();
    assert_eq!(client.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    client.finish().unwrap();
    assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(line_about(edge, "/socket")["tunnel"]["ended"], "the endpoint closed it");
}

#[test]
fn a_tunnel_may_lead_to_an_endpoint_in_secret() {
    let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    // It would rather speak HTTP/2, in which there are no upgrades.
    let certificate = OriginTls::showing(&authority.issue(&Order::server(&["shop.example"])));
    for protocol in ["http1", "auto"] {
        let tls = format!("protocol: {protocol}, tls: {{ name: shop.example, ca: {} }}", ca.display());
        let stage = Stage::set("", &format!("endpoints: [{{origin}}], {tls}"));
        let mut client = ask(&stage.edge);
        let endpoint = Raw::accept_secure(&stage.listener, &certificate).unwrap();
        converse(&stage.edge, &mut client, endpoint);
    }
    let tls = format!("tls: {{ name: other.example, ca: {} }}", ca.display());
    let stage = Stage::set("", &format!("endpoints: [{{origin}}], retries: 0, {tls}"));
    let mut client = ask(&stage.edge);
    assert!(Raw::accept_secure(&stage.listener, &certificate).and_then(|mut raw| raw.to_end(SOON)).is_err());
    assert!(head(&mut client).starts_with("HTTP/1.1 502 "));
    let failure = stage.line()["failure"].clone();
    assert_eq!(failure, "the endpoint's certificate is not trusted: it is for another name");
}

#[test]
fn a_tunnel_may_lead_to_a_unix_socket() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let stage = Stage::set("", &format!("endpoints: ['unix:{}']", path.display()));
    let mut client = ask(&stage.edge);
    converse(&stage.edge, &mut client, Raw::accept_unix(&listener).unwrap());
    assert_eq!(stage.line()["endpoint"], format!("unix:{}", path.display()));
}

#[test]
fn a_client_that_does_not_wait_for_the_consent_leaves_nothing_behind() {
    let stage = Stage::set("", "endpoints: [{origin}], limits: { requests: 1 }");
    for _ in 0..3 {
        let client = ask(&stage.edge);
        let mut endpoint = Raw::accept(&stage.listener).unwrap();
        head(&mut endpoint);
        drop(client);
        assert_eq!(endpoint.to_end(SOON).unwrap().as_deref(), Some(&b""[..]), "it ponders in vain");
    }
    let lines = stage.edge.access().at_least(3, SOON);
    assert!(lines.iter().all(|line| line["failure"] == "the client has gone"), "{lines:?}");
    // There is room in the cluster for one, and no tunnel is left.
    let (mut client, mut endpoint) = stage.open();
    passes(&mut client, &mut endpoint, "hello");
    assert_eq!(metric(&stage.edge, "edgeloom_tunnels_open"), 1);
}

#[test]
fn a_client_that_speaks_early_and_waits_is_not_gone() {
    let stage = Stage::plain();
    let mut client = ask(&stage.edge);
    let mut endpoint = Raw::accept(&stage.listener).unwrap();
    head(&mut endpoint);
    client.send(b"too early").unwrap();
    // The edge has it by then, or will: either way it stays.
    assert_eq!(endpoint.exactly(1, std::time::Duration::from_millis(100)).unwrap(), b"");
    endpoint.send(CONSENT.as_bytes()).unwrap();
    assert!(head(&mut client).starts_with("HTTP/1.1 101 "));
    assert_eq!(endpoint.exactly(9, SOON).unwrap(), b"too early");
    passes(&mut client, &mut endpoint, " and on");
}

#[test]
fn where_nobody_is_left_the_tunnel_leads_to_another_cluster() {
    let spare = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge::start(&format!(
        "
        clusters:
          main: {{ endpoints: ['127.0.0.1:1'], failover: [spare], retries: {{ tries: 2 }} }}
          spare: {{ endpoints: ['{}'] }}
        routes: [{{ name: all, to: main }}]
        ",
        spare.local_addr().unwrap()
    ));
    let mut client = ask(&edge);
    converse(&edge, &mut client, Raw::accept(&spare).unwrap());
    let line = line_about(&edge, "/socket");
    assert_eq!(line["tried"], serde_json::json!(["127.0.0.1:1 could not be connected to"]));
    assert_eq!(metric(&edge, "edgeloom_cluster_failovers_total{cluster=\"main\"}"), 1);
}

#[test]
fn what_has_been_asked_once_is_not_asked_of_another() {
    let other = Origin::saying("never asked");
    for (answer, status) in [("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "503"), ("", "502")] {
        let cluster = format!(
            "endpoints: [{{origin}}, '{}'], eject: off, retries: {{ tries: 3, on: [connect, reset, 503] }}",
            other.address()
        );
        let stage = Stage::set("", &cluster);
        // Each of the two has its turn.
        let mut statuses = Vec::new();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let mut endpoint = Raw::accept(&stage.listener).unwrap();
                head(&mut endpoint);
                endpoint.send(answer.as_bytes()).unwrap();
            });
            for _ in 0..2 {
                let answer = head(&mut ask(&stage.edge));
                statuses.push(answer.split(' ').nth(1).unwrap().to_owned());
            }
        });
        statuses.sort();
        assert_eq!(statuses, ["200", status]);
        wait_for_metric(&stage.edge, "edgeloom_cluster_retries_total{cluster=\"origin\"}", 0);
    }
    assert_eq!(other.requests(), 2);
}
