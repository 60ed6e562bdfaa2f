use std::time::Duration;

use http::Version;

use super::*;
use crate::{Death, Manner, Origin};

#[test]
fn an_echo_tells_what_was_asked() {
    let origin = Origin::echo("north");
    let client = Client::to(origin.address());

    let request = Request::post("/cart?item=1", "two shoes")
        .host("shop.example")
        .header("X-Many", "a")
        .header("x-many", "b");
    let response = client.request(request);

    assert_eq!((response.status(), response.header("x-origin")), (200, Some("north")));
    let echo = response.echo();
    assert_eq!(echo.origin.as_deref(), Some("north"));
    assert!(response.text().contains("\n    [\"x-many\",\"a\"],\n"), "{}", response.text());
    assert_eq!((&*echo.method, &*echo.path, echo.body_length), ("POST", "/cart?item=1", 9));
    assert_eq!((&*echo.version, echo.host.as_deref()), ("HTTP/1.1", Some("shop.example")));
    assert_eq!(echo.header_all("x-many"), ["a", "b"]);
}

#[test]
fn a_connection_is_kept_and_replaced_when_it_was_closed() {
    let origin = Origin::saying("hello");
    let client = Client::to(origin.address());
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "hello");
    }
    assert_eq!((origin.requests(), origin.connections()), (3, 1));

    let closing = Origin::behaving(Manner::saying("bye").dying(Death::AfterAnswer));
    let client = Client::to(closing.address());
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "bye");
    }
    assert_eq!((closing.requests(), closing.connections()), (3, 3));
}

#[test]
fn an_origin_that_comes_back_is_connected_to_anew() {
    // Of another loopback address, where nobody takes the port meanwhile.
    let any = "127.44.0.2:0".parse().unwrap();
    let first = Origin::start(any, Manner::saying("one")).unwrap();
    let address = first.address();
    let client = Client::to(address);
    assert_eq!(client.get("/").text(), "one");
    drop(first);
    let _second = Origin::start(address, Manner::saying("two")).unwrap();
    assert_eq!(client.get("/").text(), "two");
}

#[test]
fn http_2_is_spoken_by_prior_knowledge() {
    let origin = Origin::echo("two");
    let client = Client::h2c(origin.address());
    let response = client.request(Request::get("/a?b").host("shop.example"));
    assert_eq!(response.version(), Version::HTTP_2);
    let echo = response.echo();
    assert_eq!((&*echo.path, echo.host.as_deref()), ("/a?b", Some("shop.example")));
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn cookies_are_read_from_any_line() {
    let manner = Manner::saying("").with_header("set-cookie", "a=1; Path=/").with_header("set-cookie", "b=2");
    let origin = Origin::behaving(manner);
    let response = Client::to(origin.address()).get("/");
    assert_eq!((response.sets_cookie("b"), response.sets_cookie("c")), (Some("2"), None));
    assert_eq!(response.header_all("set-cookie").len(), 2);
}

#[test]
fn who_does_not_listen_is_named() {
    // A loopback address that nothing else here uses, so that nobody can have taken the port.
    let gone: SocketAddr = "127.44.0.1:9".parse().unwrap();
    let error = Client::to(gone).attempt(Request::get("/")).unwrap_err();
    assert_eq!(error.to_string(), "127.44.0.1:9 does not accept connections");
}

#[test]
fn raw_answers_end_where_they_say() {
    let origin = Origin::saying("hello");
    let mut raw = Raw::connect(origin.address()).unwrap();
    raw.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .unwrap();
    for _ in 0..2 {
        let answer = raw.answer(Duration::from_secs(5)).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"hello"));
    }
    assert_eq!(raw.to_end(Duration::from_secs(5)).unwrap(), Some(Vec::new()));
    let refused = Client::to(origin.address()).send_raw(b"nonsense\r\n\r\n");
    assert!(refused.starts_with(b"HTTP/1.1 400"), "{refused:?}");
}

#[test]
fn a_connection_lies_idle_until_something_comes_or_it_ends() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = Raw::connect(listener.local_addr().unwrap()).unwrap();
    let mut far = Raw::accept(&listener).unwrap();
    assert!(near.lies_idle().unwrap());
    far.send(b"hello").unwrap();
    assert_eq!(near.exactly(1, PATIENCE).unwrap(), b"h");
    assert!(!near.lies_idle().unwrap(), "the rest was not asked for");
    assert_eq!(near.exactly(4, PATIENCE).unwrap(), b"ello");
    assert!(near.lies_idle().unwrap());
    drop(far);
    assert_eq!(near.to_end(PATIENCE).unwrap().as_deref(), Some(&b""[..]));
    assert!(!near.lies_idle().unwrap());
}
