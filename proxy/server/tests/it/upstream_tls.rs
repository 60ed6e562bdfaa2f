//! How endpoints are spoken to in secret: whom they must be, and who we are to them.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use edgeloom_testbed::{Authority, Death, Edge, Launch, Manner, Order, Origin, OriginTls, Versions};
use tempfile::TempDir;

/// An authority, and a folder with its certificate in `ca.pem`.
struct World {
    authority: Authority,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let (authority, folder) = (Authority::new(), TempDir::new().unwrap());
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        Self { authority, folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An origin for which this order was signed.
    fn origin(&self, order: &Order) -> Origin {
        Origin::secure(Manner::echo(), &OriginTls::showing(&self.authority.issue(order)))
    }

    /// What a cluster's `tls` begins with.
    fn ca(&self) -> String {
        format!("ca: {}", self.path().join("ca.pem").display())
    }
}

fn yaml(cluster: &str) -> String {
    format!(
        "
        clusters: {{ origin: {{ {cluster} }} }}
        routes: [{{ name: all, to: origin }}]
        "
    )
}

fn edge(origin: &Origin, more: &str) -> Edge {
    Edge::start(&yaml(&format!("endpoints: ['{}'], {more}", origin.address())))
}

#[test]
fn who_is_named_and_signed_is_spoken_to() {
    let world = World::new();
    let origin = world.origin(&Order::server(&["shop.example"]));
    let edge = edge(&origin, &format!("tls: {{ name: shop.example, {} }}", world.ca()));
    for _ in 0..5 {
        let echo = edge.get("/").echo();
        assert_eq!((echo.version.as_str(), echo.header("x-forwarded-proto")), ("HTTP/1.1", Some("http")));
    }
    let handshakes = origin.handshakes();
    assert_eq!(handshakes.len(), 1, "a connection is used again");
    assert_eq!(handshakes[0].name.as_deref(), Some("shop.example"));
    assert_eq!(handshakes[0].protocol.as_deref(), Some("http/1.1"));
}

#[test]
fn a_certificate_may_be_for_an_address() {
    let world = World::new();
    let origin = world.origin(&Order::server(&["127.0.0.1"]));
    let edge = edge(&origin, &format!("tls: {{ name: 127.0.0.1, {} }}", world.ca()));
    assert_eq!(edge.get("/").status(), 200);
    assert_eq!(origin.handshakes()[0].name, None, "an address is not sent as a name");
}

#[test]
fn whom_the_system_trusts_is_trusted() {
    let world = World::new();
    let origin = world.origin(&Order::server(&["localhost"]));
    let yaml = yaml(&format!("endpoints: ['{}'], tls: {{ name: localhost }}", origin.address()));
    let trusting = |file: &Path| {
        let launch = Launch::yaml(&yaml).environment("SSL_CERT_FILE", file);
        launch.environment("SSL_CERT_DIR", "/dev/null").start().unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(trusting(&world.path().join("ca.pem")).get("/").status(), 200);
    let stranger = World::new();
    assert_eq!(trusting(&stranger.path().join("ca.pem")).get("/").status(), 502);
}

#[test]
fn whoever_is_not_is_not() {
    let world = World::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let server = || Order::server(&["shop.example"]);
    let stranger = World::new();
    for (order, signed_by, why) in [
        (server().ended(day), &world, "it has expired"),
        (server().beginning_in(day), &world, "it is not valid yet"),
        (Order::server(&["blog.example"]), &world, "it is for another name"),
        (Order::client("shop.example").also(&["shop.example"]), &world, "it is not one for a server"),
        (server(), &stranger, "it is signed by nobody who is trusted"),
    ] {
        let origin = signed_by.origin(&order);
        let edge = edge(&origin, &format!("tls: {{ name: shop.example, {} }}", world.ca()));
        let response = edge.get("/");
        assert_eq!((response.status(), response.first_line()), (502, "The server could not be trusted."));
        let line = super::line_about(&edge, "/");
        assert_eq!(line["failure"], format!("the endpoint's certificate is not trusted: {why}"));
        assert_eq!(origin.requests(), 0);
    }
}

#[test]
fn what_is_not_verified_is_warned_about() {
    let world = World::new();
    let origin = world.origin(&Order::server(&["blog.example"]).ended(Duration::from_secs(1)));
    let edge = edge(&origin, "tls: { verify: false }");
    assert_eq!(edge.get("/").status(), 200);
    super::said(&edge, "cluster `origin` does not verify certificates");
}

#[test]
fn endpoints_that_ask_are_shown_a_certificate() {
    let world = World::new();
    let order = Order::server(&["shop.example"]);
    let tls = OriginTls::showing(&world.authority.issue(&order)).demanding(&world.authority);
    let origin = Origin::secure(Manner::echo(), &tls);
    let anonymous = edge(&origin, &format!("tls: {{ name: shop.example, {} }}", world.ca()));
    // TLS 1.3 lets the client believe that it was let in: it hears of it when it asks.
    assert_eq!(anonymous.get("/").status(), 502);
    let files = world.authority.issue(&Order::client("edge")).write(world.path(), "edge");
    let shown = format!("certificate: {}, key: {}", files.chain.display(), files.key.display());
    let known = edge(&origin, &format!("tls: {{ name: shop.example, {}, {shown} }}", world.ca()));
    assert_eq!(known.get("/").status(), 200);
    assert!(origin.handshakes().last().is_some_and(|handshake| !handshake.chain.is_empty()));
}

#[test]
fn a_connection_is_not_lent_to_those_who_trust_others() {
    let world = World::new();
    let origin = world.origin(&Order::server(&["shop.example"]));
    let address = origin.address();
    let stranger = World::new();
    let edge = Edge::start(&format!(
        "
        clusters:
          known: {{ endpoints: ['{address}'], tls: {{ name: shop.example, {} }} }}
          strange: {{ endpoints: ['{address}'], tls: {{ name: shop.example, {} }} }}
          other: {{ endpoints: ['{address}'], tls: {{ name: shop.example, verify: false }} }}
        routes:
          - {{ name: known, when: {{ path: /known }}, to: known }}
          - {{ name: strange, when: {{ path: /strange }}, to: strange }}
          - {{ name: other, when: {{ path: /other }}, to: other }}
        ",
        world.ca(),
        stranger.ca(),
    ));
    for _ in 0..3 {
        let statuses = ["/known", "/strange", "/other"].map(|path| edge.get(path).status());
        assert_eq!(statuses, [200, 502, 200]);
    }
    assert_eq!(origin.handshakes().len(), 2, "each cluster has its own connection");
}

#[test]
fn what_an_endpoint_speaks_is_negotiated() {
    let world = World::new();
    let identity = world.authority.issue(&Order::server(&["shop.example"]));
    for (protocol, speaks, version) in [
        ("http1", ["h2", "http/1.1"], "HTTP/1.1"),
        ("http2", ["h2", "http/1.1"], "HTTP/2.0"),
        ("auto", ["h2", "http/1.1"], "HTTP/2.0"),
        ("auto", ["http/1.1", "http/1.1"], "HTTP/1.1"),
    ] {
        let origin = Origin::secure(Manner::echo(), &OriginTls::showing(&identity).speaking(&speaks));
        let tls = format!("protocol: {protocol}, tls: {{ name: shop.example, {} }}", world.ca());
        let edge = edge(&origin, &tls);
        for _ in 0..3 {
            let request = edgeloom_testbed::Request::post("/a?b=c", "hello").host("www.shop.example");
            let echo = edge.request(request).echo();
            assert_eq!((echo.version.as_str(), echo.body_length), (version, 5), "{protocol} {speaks:?}");
            assert_eq!((echo.host.as_deref(), echo.path.as_str()), (Some("www.shop.example"), "/a?b=c"));
        }
        assert_eq!(origin.connections(), 1, "{protocol} {speaks:?}");
    }
}

#[test]
fn http2_is_spoken_in_the_clear_by_prior_knowledge() {
    let origin = Origin::behaving(Manner::echo().slow(Duration::from_millis(100)));
    let edge = edge(&origin, "protocol: http2");
    assert_eq!(edge.get("/").echo().version, "HTTP/2.0");
    let at_once = || edgeloom_testbed::Client::to(edge.address()).get("/").status();
    std::thread::scope(|threads| {
        let asking: Vec<_> = (0..20).map(|_| threads.spawn(at_once)).collect();
        assert!(asking.into_iter().all(|asked| asked.join().unwrap() == 200));
    });
    // One is taken out of the pool for a moment by whoever opens a stream on it.
    assert!(origin.connections() <= 5, "requests share connections: {}", origin.connections());
}

#[test]
fn an_endpoint_that_does_not_end_its_handshake_is_a_gateway_timeout() {
    let world = World::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge::start(&yaml(&format!(
        "endpoints: ['{}'], timeouts: {{ tls: 200ms }}, tls: {{ name: a.example, {} }}",
        silent.local_addr().unwrap(),
        world.ca()
    )));
    let response = edge.get("/");
    assert_eq!((response.status(), response.first_line()), (504, "The server did not answer in time."));
    let line = super::line_about(&edge, "/");
    assert_eq!(line["failure"], "the endpoint took too long over the TLS handshake");
}

#[test]
fn an_endpoint_that_speaks_no_tls_is_a_bad_gateway() {
    let world = World::new();
    let origin = Origin::saying("in the clear");
    let edge = edge(&origin, &format!("tls: {{ name: a.example, {} }}", world.ca()));
    assert_eq!(edge.get("/").status(), 502);
    assert_eq!(super::line_about(&edge, "/")["failure"], "no TLS with the endpoint");
}

#[test]
fn another_authority_is_noticed_and_connections_of_the_old_one_are_left() {
    let (world, next) = (World::new(), World::new());
    let origin = world.origin(&Order::server(&["shop.example"]));
    let edge = edge(&origin, &format!("tls: {{ name: shop.example, {} }}", world.ca()));
    assert_eq!(edge.get("/").status(), 200);
    edgeloom_testbed::replace(&world.path().join("ca.pem"), next.authority.pem().as_bytes()).unwrap();
    super::said(&edge, "generation 2 is live");
    assert_eq!(edge.get("/").status(), 502);
    edgeloom_testbed::replace(&world.path().join("ca.pem"), b"nothing").unwrap();
    let refused = super::said(&edge, "swap refused");
    assert!(refused["reason"].as_str().unwrap().contains("ca.pem has no certificate in it"), "{refused}");
}

#[test]
fn files_that_can_not_be_used_are_told_before_the_start() {
    let world = World::new();
    let folder = world.path();
    let (edge, other) = (
        world.authority.issue(&Order::client("edge")).write(folder, "edge"),
        world.authority.issue(&Order::client("other")).write(folder, "other"),
    );
    let start = |tls: &str| {
        let yaml = yaml(&format!("endpoints: ['127.0.0.1:1'], tls: {{ name: a, {tls} }}"));
        let nobody = Launch::yaml(&yaml).environment("SSL_CERT_FILE", "/dev/null");
        nobody.environment("SSL_CERT_DIR", "/dev/null").start().err().unwrap().to_string()
    };
    let missing = folder.join("none.pem").display().to_string();
    let shown = format!("certificate: {}, key: {}", edge.chain.display(), other.key.display());
    for (tls, why) in [
        (format!("ca: {missing}"), "none.pem can not be read: No such file or directory"),
        (format!("ca: {}", edge.key.display()), "edge.key has no certificate in it"),
        (format!("{}, {shown}", world.ca()), "is not that of the certificate in"),
        (
            format!("{}, certificate: {}, key: {missing}", world.ca(), edge.chain.display()),
            "none.pem can not be read",
        ),
        (
            format!("{}, certificate: {}, key: {}", world.ca(), edge.chain.display(), edge.chain.display()),
            "edge.pem has no private key in it",
        ),
        (String::new(), "the system trusts nobody: no root certificates were found"),
    ] {
        let error = start(&tls);
        assert!(error.contains("`tls` of cluster `origin`: ") && error.contains(why), "{tls}: {error}");
    }
}

/// Which of an origin's handshakes went on with an earlier session.
fn resumed(origin: &Origin) -> Vec<bool> {
    origin.handshakes().iter().map(|handshake| handshake.resumed).collect()
}

#[test]
fn sessions_with_an_endpoint_go_on_where_they_ended() {
    let world = World::new();
    let identity = world.authority.issue(&Order::server(&["shop.example"]));
    let files = world.authority.issue(&Order::client("edge")).write(world.path(), "edge");
    let shown = format!(", certificate: {}, key: {}", files.chain.display(), files.key.display());
    let closing = Manner::saying("hello").dying(Death::AfterAnswer);
    let anonymous = ("", false);
    let known = (shown.as_str(), true);
    for ((shown, demanding), versions) in [
        (anonymous, Versions::Only12),
        (anonymous, Versions::Only13),
        (known, Versions::Only12),
        (known, Versions::Only13),
    ] {
        let tls = OriginTls::showing(&identity).versions(versions);
        let tls = if demanding { tls.demanding(&world.authority) } else { tls };
        let origin = Origin::secure(closing.clone(), &tls);
        let edge = edge(&origin, &format!("tls: {{ name: shop.example, {}{shown} }}", world.ca()));
        (0..3).for_each(|_| assert_eq!(edge.get("/").status(), 200));
        // What is the same for the next generation is the same connection's, if there is one, and the same session's.
        edge.edit(|yaml| format!("{yaml}\n# changed\nlimits: {{ exchanges: 77 }}\n"));
        super::said(&edge, "generation 2 is live");
        assert_eq!(edge.get("/").status(), 200);
        assert_eq!(resumed(&origin), [false, true, true, true], "{demanding} {versions:?}");
        if demanding {
            assert!(origin.handshakes().iter().all(|handshake| !handshake.chain.is_empty()));
        }
    }
}

#[test]
fn a_session_is_not_lent_to_those_who_trust_others() {
    let world = World::new();
    let identity = world.authority.issue(&Order::server(&["shop.example"]));
    let closing = Manner::saying("hello").dying(Death::AfterAnswer);
    let origin = Origin::secure(closing.clone(), &OriginTls::showing(&identity));
    let address = origin.address();
    let (stranger, files) = (World::new(), world.authority.issue(&Order::client("edge")));
    let files = files.write(world.path(), "edge");
    let (ca, other_ca) = (world.ca(), stranger.ca());
    let shown = format!("certificate: {}, key: {}", files.chain.display(), files.key.display());
    let edge = Edge::start(&format!(
        "
        clusters:
          open: {{ endpoints: ['{address}'], tls: {{ name: shop.example, verify: false }} }}
          known: {{ endpoints: ['{address}'], tls: {{ name: shop.example, {ca} }} }}
          same: {{ endpoints: ['{address}'], tls: {{ name: shop.example, {ca} }} }}
          shown: {{ endpoints: ['{address}'], tls: {{ name: shop.example, {ca}, {shown} }} }}
          strange: {{ endpoints: ['{address}'], retries: 0, tls: {{ name: shop.example, {other_ca} }} }}
        routes:
          - {{ name: open, when: {{ path: /open }}, to: open }}
          - {{ name: known, when: {{ path: /known }}, to: known }}
          - {{ name: same, when: {{ path: /same }}, to: same }}
          - {{ name: shown, when: {{ path: /shown }}, to: shown }}
          - {{ name: strange, when: {{ path: /strange }}, to: strange }}
        ",
    ));
    for (path, goes_on) in [
        ("/open", false),
        ("/known", false),
        ("/shown", false),
        ("/same", true),
        ("/known", true),
        ("/open", true),
    ] {
        assert_eq!(edge.get(path).status(), 200, "{path}");
        assert_eq!(resumed(&origin).last(), Some(&goes_on), "{path}");
    }
    // A session that others have would spare them to look at the certificate.
    assert_eq!(edge.get("/strange").status(), 502);
    assert_eq!(resumed(&origin).len(), 6);
}
