use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use edgeloom_testbed::{Death, Edge, Frame, Frames, Manner, Origin, Outcome, Raw};

fn edge(cluster: &str) -> Edge {
    Edge::start(&format!(
        "
        clusters: {{ origin: {{ {cluster} }} }}
        routes: [{{ name: all, to: origin }}]
        "
    ))
}

#[test]
fn endpoints_take_turns_by_weight() {
    let (heavy, light) = (Origin::echo("heavy"), Origin::echo("light"));
    let edge =
        edge(&format!("endpoints: [{{ address: '{}', weight: 3 }}, '{}']", heavy.address(), light.address()));
    for _ in 0..40 {
        edge.get("/");
    }
    assert_eq!((heavy.requests(), light.requests()), (30, 10));
}

#[test]
fn connections_to_endpoints_are_used_again() {
    let origin = Origin::saying("hello");
    let edge = edge(&format!("endpoints: ['{}']", origin.address()));
    for _ in 0..50 {
        assert_eq!(edge.get("/").text(), "hello");
    }
    assert_eq!((origin.requests(), origin.connections()), (50, 1));
}

#[test]
fn an_endpoint_that_can_not_be_reached_is_passed_over() {
    let origin = Origin::saying("hello");
    let edge = edge(&format!("endpoints: ['127.0.0.1:1', '{}']", origin.address()));
    for n in 0..4 {
        assert_eq!(edge.get(&format!("/{n}")).text(), "hello");
    }
    let failures: Vec<_> = (0..4).map(|n| super::line_about(&edge, &format!("/{n}"))).collect();
    assert_eq!(failures.iter().filter(|line| line["connect_failures"] == 1).count(), 2);
    assert_eq!(super::metric(&edge, "edgeloom_connect_failures_total{cluster=\"origin\"}"), 2);
}

#[test]
fn so_many_retries_and_no_more() {
    let origin = Origin::saying("hello");
    let edge = edge(&format!("endpoints: ['127.0.0.1:1', '{}'], retries: 0", origin.address()));
    let mut statuses: Vec<_> = (0..2).map(|_| edge.get("/").status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502]);
}

#[test]
fn a_cluster_that_can_not_be_reached_is_a_bad_gateway() {
    let edge = edge("endpoints: ['127.0.0.1:1'], retries: 3");
    let response = edge.get("/");
    assert_eq!((response.status(), response.first_line()), (502, "The server could not be reached."));
    assert_eq!(response.header("server"), None);
    let line = super::line_about(&edge, "/");
    assert_eq!((&line["status"], &line["endpoint"]), (&502.into(), &"127.0.0.1:1".into()));
    assert_eq!(line["failure"], "the endpoint could not be connected to");
}

#[test]
fn an_endpoint_that_takes_too_long_is_a_gateway_timeout() {
    let origin = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(5)));
    let edge = edge(&format!("endpoints: ['{}'], timeouts: {{ read: 100ms }}", origin.address()));
    let response = edge.get("/");
    assert_eq!((response.status(), response.first_line()), (504, "The server did not answer in time."));
    assert_eq!(super::line_about(&edge, "/")["failure"], "the endpoint took too long");
}

#[test]
fn an_endpoint_that_breaks_off_is_a_bad_gateway() {
    let origin = Origin::behaving(Manner::saying("never").dying(Death::OnRequest));
    let edge = edge(&format!("endpoints: ['{}']", origin.address()));
    assert_eq!(edge.get("/").status(), 502);
    assert_eq!(super::line_about(&edge, "/")["failure"], "the endpoint broke off");
    assert_eq!(origin.requests(), 1, "what may have had an effect is not tried again");
}

#[test]
fn a_response_that_breaks_off_is_not_made_to_look_whole() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edge(&format!("endpoints: ['{}']", origin.local_addr().unwrap()));
    let mut client = Raw::connect(edge.address()).unwrap();
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let (mut upstream, _) = origin.accept().unwrap();
    let mut asked = [0; 1024];
    assert!(upstream.read(&mut asked).unwrap() > 0);
    upstream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").unwrap();
    // Not before the client has what there is of it.
    let begun = client.answer(Duration::from_millis(300)).unwrap();
    assert!(begun.ends_with(b"5\r\nhello\r\n"), "{}", begun.escape_ascii());
    drop(upstream);
    assert_eq!(client.to_end(super::SOON).unwrap().as_deref(), Some(&b""[..]));
    let line = super::line_about(&edge, "/");
    assert_eq!((&line["status"], &line["failure"]), (&200.into(), &"the endpoint broke off".into()));
    assert_eq!(line["bytes_out"], 5);
}

#[test]
fn an_endpoint_that_speaks_nonsense_is_a_bad_gateway() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = edge(&format!("endpoints: ['{}']", origin.local_addr().unwrap()));
    let answer = std::thread::scope(|threads| {
        threads.spawn(|| {
            let (mut upstream, _) = origin.accept().unwrap();
            let mut asked = [0; 1024];
            assert!(upstream.read(&mut asked).unwrap() > 0);
            upstream.write_all(b"220 mail.example ESMTP\r\n\r\n").unwrap();
        });
        edge.get("/")
    });
    assert_eq!(answer.status(), 502);
    assert_eq!(super::line_about(&edge, "/")["failure"], "the endpoint's response is malformed");
}

#[test]
fn an_endpoint_may_close_connections_as_it_likes() {
    let origin = Origin::behaving(Manner::saying("hello").dying(Death::AfterAnswer));
    let edge = edge(&format!("endpoints: ['{}']", origin.address()));
    for _ in 0..20 {
        assert_eq!(edge.get("/").text(), "hello");
    }
}

#[test]
fn who_leaves_while_waiting_for_a_place_gives_up_the_turn() {
    let hung = Origin::behaving(Manner::saying("late").slow(Duration::from_secs(60)));
    let edge = Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
        clusters: {{ shop: {{ endpoints: ['{}'], limits: {{ requests: 1, waiting: 1, wait: 1m }} }} }}
        routes: [{{ name: all, to: shop }}]
        ",
        hung.address()
    ));
    let waiting = |count| super::wait_for_metric(&edge, "edgeloom_cluster_waiting{cluster=\"shop\"}", count);
    let ask = |path: &str| {
        let mut client = Raw::connect(edge.address()).unwrap();
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
        client
    };
    let _inside = ask("/inside");
    super::wait_for_metric(&edge, "edgeloom_cluster_exchanges{cluster=\"shop\"}", 1);
    let queued = ask("/http1");
    waiting(1);
    drop(queued);
    assert_eq!(super::line_about(&edge, "/http1")["failure"], "the client has gone");
    super::wait_for_gauge(&edge, "edgeloom_cluster_waiting{cluster=\"shop\"}", 0);
    let mut streams = Frames::connect(edge.address()).unwrap();
    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/http2"), (":authority", "a")];
    streams.send(&Frame::head(1, &fields)).unwrap();
    waiting(1);
    streams.send(&Frame::new(Frame::RST_STREAM, 0, 1, [0, 0, 0, 8])).unwrap();
    assert_eq!(super::line_about(&edge, "/http2")["failure"], "the client has gone");
    assert_eq!(hung.requests(), 1);
}

/// Clients of HTTP/2 may say it in a frame with nothing else in it. Said twice, the second would begin the next request.
#[test]
fn the_end_of_a_body_is_said_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge::start(&format!(
        "
        listeners: [{{ bind: '127.0.0.1:0', h2c: true }}]
        clusters: {{ origin: {{ endpoints: ['{}'] }} }}
        routes: [{{ name: all, to: origin }}]
        ",
        listener.local_addr().unwrap()
    ));
    std::thread::scope(|threads| {
        let endpoint = threads.spawn(|| {
            let mut raw = Raw::accept(&listener).unwrap();
            let mut asked = Vec::new();
            for end in [&b"hello\r\n0\r\n\r\n"[..], b"\r\n\r\n"] {
                asked.push(raw.until(end, super::SOON).unwrap());
                raw.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
            asked
        });
        let mut client = Frames::connect(edge.address()).unwrap();
        let fields =
            |method, path| [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
        client.send(&Frame::head(1, &fields("POST", "/first"))).unwrap();
        client.send(&Frame::new(Frame::DATA, 0, 1, *b"hello")).unwrap();
        client.send(&Frame::new(Frame::DATA, Frame::END_STREAM, 1, [])).unwrap();
        assert_eq!(client.outcome(1, super::SOON).unwrap(), Outcome::Answered(200));
        client.send(&Frame::request(3, &fields("GET", "/second"))).unwrap();
        assert_eq!(client.outcome(3, super::SOON).unwrap(), Outcome::Answered(200));
        let asked = endpoint.join().unwrap();
        assert!(asked[1].starts_with(b"GET /second HTTP/1.1\r\n"), "{}", asked[1].escape_ascii());
    });
}
