use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use edgeloom_testbed::{Manner, NameServer, Order, Origin, OriginTls, Raw, Request};

use super::Example;
use crate::SOON;

const HI: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

impl Example {
    /// What is answered to these bytes, until the connection ends or a whole response has come.
    #[track_caller]
    fn answer_to(&self, sent: &[u8]) -> String {
        let mut raw = Raw::connect(self.edge.address()).unwrap();
        raw.send(sent).unwrap();
        String::from_utf8_lossy(&raw.answer(SOON).unwrap()).into_owned()
    }
}

#[test]
fn limits() {
    let example = Example::start("limits");
    let upload = |path: &str, length: u64| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        example.answer_to(head.as_bytes())
    };
    assert!(upload("/cart", (1 << 20) + 1).starts_with("HTTP/1.1 413 "));
    assert!(upload("/uploads/film", (5 << 30) + 1).starts_with("HTTP/1.1 413 "));
    let film = Request::post("/uploads/film", vec![0_u8; 2 << 20]);
    let kept = example.edge.request(film).echo();
    assert_eq!((kept.origin.as_deref(), kept.body_length), (Some("8102"), 2 << 20));

    let status = |request| example.edge.request(request).status();
    assert_eq!(status(Request::get(&format!("/{}", "x".repeat(2048)))), 414);
    let many = |count| (0..count).fold(Request::get("/"), |all, at| all.header(&format!("x-{at}"), "1"));
    assert_eq!((status(many(40)), status(many(51))), (200, 431));
    assert_eq!(status(Request::get("/").header("x-long", "x".repeat(8 << 10))), 431);

    let began = Instant::now();
    let mut slow = Raw::connect(example.edge.address()).unwrap();
    slow.send(b"GET / HT").unwrap();
    let answer = slow.to_end(SOON).unwrap().expect("it should be closed");
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
    assert!(began.elapsed() >= Duration::from_millis(4900), "{:?}", began.elapsed());
}

#[test]
fn proxy_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let application = BTreeMap::from([(8101, listener.local_addr().unwrap())]);
    let example = Example::start_before("proxy-protocol", &application);
    let serving = std::thread::spawn(move || {
        let mut raw = Raw::accept(&listener).unwrap();
        let introduction = raw.exactly(28, SOON).unwrap();
        let head = raw.until(b"\r\n\r\n", SOON).unwrap();
        raw.send(HI).unwrap();
        (introduction, head)
    });
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(example.answer_to(get.as_bytes()), "", "nobody was announced");
    let announced = format!("PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n{get}");
    assert!(example.answer_to(announced.as_bytes()).ends_with("\r\n\r\nhi"));

    let (introduction, head) = serving.join().unwrap();
    assert_eq!(&introduction[..14], b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
    assert_eq!(introduction[16..20], [203, 0, 113, 7]);
    assert!(head.starts_with(b"GET / HTTP/1.1\r\n"), "{}", head.escape_ascii());
}

#[test]
fn unix_sockets() {
    let example = Example::start("unix-sockets");
    let application = UnixListener::bind(example.folder.path().join("shop.sock")).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = application.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(HI).unwrap();
        String::from_utf8(head).unwrap()
    });
    let path = example.folder.path().join("edge.sock");
    let mut stream = UnixStream::connect(&path).unwrap();
    let ask = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhi"), "{answer}");
    let asked = serving.join().unwrap().to_lowercase();
    assert!(asked.contains("x-forwarded-for: 203.0.113.9, 127.0.0.1\r\n"), "{asked}");
    assert_eq!(crate::line_about(&example.edge, "/")["client"], "203.0.113.9");
    example.edge.stop();
    assert!(!path.exists());
}

#[test]
fn endpoints_by_name() {
    let (server, mut origin) = (NameServer::start(), None);
    server.set("shop.internal", &["127.0.0.1"], 60);
    let example = Example::start_edited("endpoints-by-name", &BTreeMap::new(), |text, authority| {
        let identity = authority.issue(&Order::server(&["shop.internal"]));
        let tls = OriginTls::showing(&identity).demanding(authority);
        let shop = origin.insert(Origin::secure(Manner::echo().named("shop"), &tls));
        let endpoint = format!("shop.internal:{}", shop.address().port());
        text.replace("shop.internal:8101", &endpoint).replace("127.0.0.1:5353", &server.address().to_string())
    });
    let asked = example.edge.get("/").echo();
    assert_eq!((asked.origin.as_deref(), asked.version.as_str()), (Some("shop"), "HTTP/2.0"));
    let shaken = origin.unwrap().handshakes();
    assert!(shaken.iter().all(|shaken| shaken.name.as_deref() == Some("shop.internal")), "{shaken:?}");
    assert!(shaken.iter().all(|shaken| !shaken.chain.is_empty()), "we are shown to be who we are");
}
