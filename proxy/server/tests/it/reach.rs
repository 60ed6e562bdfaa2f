//! How an endpoint is reached, but for TLS: by a socket's path, over IPv6, with an introduction.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use edgeloom_testbed::{Client, Edge, Origin, Request};
use tempfile::TempDir;

fn edge(cluster: &str, more: &str) -> Edge {
    Edge::start(&format!(
        "
        {more}
        clusters: {{ origin: {{ {cluster} }} }}
        routes: [{{ name: all, to: origin }}]
        "
    ))
}

/// Answers what comes in on a connection, head by head, and gives it all back in the end: what there is
/// before the first line of a request, for each connection, and the number of requests on it.
fn answering(listener: TcpListener, connections: usize) -> JoinHandle<Vec<(Vec<u8>, usize)>> {
    std::thread::spawn(move || {
        let serving: Vec<_> = (0..connections)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                std::thread::spawn(move || serve(&stream, &stream))
            })
            .collect();
        serving.into_iter().map(|serving| serving.join().unwrap()).collect()
    })
}

fn serve(read: impl Read, mut write: impl Write) -> (Vec<u8>, usize) {
    let mut lines = BufReader::new(read);
    let (mut before, mut requests) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return (before, requests);
        }
        if line == b"\r\n" && requests_begun(&before) {
            requests += 1;
            write.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
        } else if requests == 0 {
            before.extend_from_slice(&line);
        }
    }
}

/// Whether what was read so far has the first line of a request in it: binary headers have line ends, too.
fn requests_begun(before: &[u8]) -> bool {
    before.windows(9).any(|window| window == b"HTTP/1.1\r")
}

fn introduction(before: &[u8]) -> &[u8] {
    let request = before.windows(4).position(|window| window == b"GET ").unwrap();
    &before[..request]
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap();
    let edge = edge(&format!("endpoints: ['{endpoint}'], timeouts: {{ idle: 100ms }}"), "");
    let serving = answering(listener, 1);
    assert_eq!(edge.get("/").text(), "hi");
    assert_eq!(serving.join().unwrap()[0].1, 1, "while the edge still runs");
    drop(edge);
}

#[test]
fn an_endpoint_may_be_a_unix_socket() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let edge = edge(&format!("endpoints: ['unix:{}']", path.display()), "");
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        serve(&stream, &stream).1
    });
    for _ in 0..5 {
        assert_eq!(edge.get("/").text(), "hi");
    }
    let endpoint = super::line_about(&edge, "/")["endpoint"].clone();
    assert_eq!(endpoint, format!("unix:{}", path.display()));
    drop(edge);
    assert_eq!(serving.join().unwrap(), 5, "the connection is used again");
}

#[test]
fn a_unix_socket_that_is_not_there_is_a_bad_gateway() {
    let edge = edge("endpoints: ['unix:/nowhere/app.sock']", "");
    assert_eq!(edge.get("/").status(), 502);
    assert_eq!(super::line_about(&edge, "/")["failure"], "the endpoint could not be connected to");
}

#[test]
fn an_endpoint_may_have_an_address_of_version_6() {
    let origin = Origin::start("[::1]:0".parse().unwrap(), edgeloom_testbed::Manner::saying("six")).unwrap();
    let edge = edge(&format!("endpoints: ['{}']", origin.address()), "");
    for _ in 0..3 {
        assert_eq!(edge.get("/").text(), "six");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn clients_are_introduced_as_text() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = answering(listener, 2);
    let edge = edge(&format!("endpoints: ['{address}'], proxy_protocol: v1"), "");
    let (one, other) = (Client::to(edge.address()), Client::to(edge.address()));
    for _ in 0..3 {
        assert_eq!((one.get("/one").text(), other.get("/other").text()), ("hi", "hi"));
    }
    let peers = ["/one", "/other"].map(|path| super::line_about(&edge, path)["peer"].clone());
    let to = edge.address();
    drop(edge);
    let served = serving.join().unwrap();
    for (before, requests) in &served {
        let introduction = String::from_utf8(introduction(before).to_vec()).unwrap();
        let port: u16 = introduction.split(' ').nth(4).unwrap().parse().unwrap();
        assert_eq!(introduction, format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n", to.port()));
        assert!(peers.contains(&format!("127.0.0.1:{port}").into()), "{peers:?}");
        assert_eq!(*requests, 3, "what is one client's is used again by that one");
    }
    assert_ne!(introduction(&served[0].0), introduction(&served[1].0));
}

#[test]
fn clients_are_introduced_in_binary_as_whoever_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = answering(listener, 2);
    let edge = edge(
        &format!("endpoints: ['{address}'], proxy_protocol: v2"),
        "listeners: [{ bind: '127.0.0.1:0', trust: [127.0.0.1] }]",
    );
    for client in ["203.0.113.7", "203.0.113.7", "2001:db8::9"] {
        assert_eq!(edge.request(Request::get("/").forwarded_for(client)).text(), "hi");
    }
    let to = edge.address();
    drop(edge);
    let served = serving.join().unwrap();
    let clients: Vec<_> = served
        .iter()
        .map(|(before, requests)| {
            let introduction = introduction(before);
            assert_eq!(&introduction[..13], b"\r\n\r\n\0\r\nQUIT\n\x21");
            let port = u16::from_be_bytes(introduction[introduction.len() - 2..].try_into().unwrap());
            assert_eq!(port, to.port());
            (client(introduction), *requests)
        })
        .collect();
    assert_eq!(clients, [("203.0.113.7:0".parse().unwrap(), 2), ("[2001:db8::9]:0".parse().unwrap(), 1)]);
}

/// Whom a header of version 2 introduces.
fn client(introduction: &[u8]) -> SocketAddr {
    let addresses = &introduction[16..];
    match introduction[13] {
        0x11 => {
            let ip: [u8; 4] = addresses[..4].try_into().unwrap();
            SocketAddr::from((ip, u16::from_be_bytes(addresses[8..10].try_into().unwrap())))
        }
        0x21 => {
            let ip: [u8; 16] = addresses[..16].try_into().unwrap();
            SocketAddr::from((ip, u16::from_be_bytes(addresses[32..34].try_into().unwrap())))
        }
        other => panic!("{other:#x}"),
    }
}
