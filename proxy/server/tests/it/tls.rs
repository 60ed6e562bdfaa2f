//! TLS from clients, asked by rustls (through the testbed's client), by curl and by openssl.

mod clients; // what clients show
mod names; // which certificate is for whom
mod renewal; // certificates that change
mod sessions; // handshakes that are cheaper
mod trouble; // what comes to nothing, and what is warned about

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use edgeloom_testbed::{Authority, Client, Edge, Order, Origin, Request, Tls, Versions};
use tempfile::TempDir;

use super::{line_about, metric};

/// An authority, a folder with certificates of its, and an origin that echoes.
pub(crate) struct World {
    authority: Authority,
    folder: TempDir,
    origin: Origin,
}

impl World {
    fn new() -> Self {
        let world = Self {
            authority: Authority::new(),
            folder: TempDir::new().unwrap(),
            origin: Origin::echo("origin"),
        };
        std::fs::write(world.ca(), world.authority.pem()).unwrap();
        world
    }

    /// Certificates by the name of their file.
    fn with(certificates: &[(&str, &Order)]) -> Self {
        let world = Self::new();
        for (name, order) in certificates {
            world.write(name, order);
        }
        world
    }

    /// A world with one certificate, `shop`, for `shop.example`.
    pub(crate) fn shop() -> Self {
        Self::with(&[("shop", &Order::server(&["shop.example", "127.0.0.1"]))])
    }

    fn write(&self, name: &str, order: &Order) {
        self.authority.issue(order).write(self.folder.path(), name);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// The entry of a certificate in a configuration.
    fn entry(&self, name: &str) -> String {
        let path = |kind| self.path(&format!("{name}.{kind}")).display().to_string();
        format!("{{ chain: {}, key: {} }}", path("pem"), path("key"))
    }

    /// A configuration with a listener for each of these `tls` sections.
    pub(crate) fn yaml(&self, sections: &[&str]) -> String {
        let listeners: String = sections
            .iter()
            .map(|tls| format!("  - {{ bind: '127.0.0.1:0', trust: [192.0.2.1], tls: {tls} }}\n"))
            .collect();
        format!(
            "listeners:\n{listeners}routes: [{{ name: all, to: origin }}]\nclusters: {{ origin: {{ endpoints: ['{}'] }} }}\n",
            self.origin.address()
        )
    }

    /// An edge with one listener that shows these certificates.
    fn edge(&self, names: &[&str]) -> Edge {
        Edge::start(&self.yaml(&[&self.section(names, "")]))
    }

    /// A `tls` section with these certificates, and what is said beside.
    pub(crate) fn section(&self, names: &[&str], further: &str) -> String {
        let entries: Vec<_> = names.iter().map(|name| self.entry(name)).collect();
        format!("{{ certificates: [{}]{further} }}", entries.join(", "))
    }

    pub(crate) fn origin(&self) -> SocketAddr {
        self.origin.address()
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::believing(&self.authority)
    }

    /// What curl says when it asks for this, `%{http_version} %{response_code}` behind the body.
    fn curl(&self, address: SocketAddr, host: &str, further: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--cacert"]).arg(self.ca());
        curl.args(["--write-out", "\n%{http_version} %{response_code}", "--connect-to"]);
        curl.arg(format!("::{address}")).args(further).arg(format!("https://{host}:{}/", address.port()));
        output(curl)
    }
}

/// What openssl's client says of a handshake.
fn s_client(address: SocketAddr, further: &[&str]) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &address.to_string()]).args(further);
    output(openssl)
}

/// Everything that a program says.
fn output(mut program: Command) -> String {
    let done = program.stdin(Stdio::null()).output();
    let done = done.unwrap_or_else(|error| panic!("{program:?} can not be run ({error}): is it installed?"));
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

/// `edgeloom check`, and whether it was content.
fn check(configuration: &Path) -> (bool, String) {
    let mut edgeloom = Command::new(env!("CARGO_BIN_EXE_edgeloom"));
    let done = edgeloom.arg("check").arg(configuration).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), said)
}

#[test]
fn every_protocol_and_version_is_spoken() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    for (tls, version, protocol) in [
        (world.tls(), "1.3", "HTTP/1.1"),
        (world.tls().http2(), "1.3", "HTTP/2"),
        (world.tls().versions(Versions::Only12), "1.2", "HTTP/1.1"),
        (world.tls().versions(Versions::Only12).http2(), "1.2", "HTTP/2"),
        // Without ALPN.
        (world.tls().speaking(&[]), "1.3", "HTTP/1.1"),
    ] {
        let client = Client::tls(edge.address(), &tls.naming("shop.example"));
        let path = format!("/{version}/{protocol}/{}", metric(&edge, "edgeloom_connections_open"));
        for body in ["", "some body", &"long".repeat(100_000)] {
            let response = client.request(Request::post(&path, body.to_owned()).host("shop.example"));
            let echo = response.echo();
            assert_eq!((response.status(), echo.body_length), (200, body.len()));
            assert_eq!(echo.header("x-forwarded-proto"), Some("https"));
            assert_eq!(echo.header("x-forwarded-for"), Some("127.0.0.1"));
        }
        let line = line_about(&edge, &path);
        assert_eq!(line["protocol"], protocol);
        assert_eq!(line["tls"], serde_json::json!({ "version": version, "name": "shop.example" }));
        assert_eq!(line["peer"].as_str().unwrap().split_once(':').unwrap().0, "127.0.0.1");
    }
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.2\",session=\"new\"}"), 2);
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.3\",session=\"new\"}"), 3);
}

#[test]
fn curl_is_content() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    for (further, end) in [
        (&["--http1.1"][..], "\n1.1 200"),
        (&["--http2"], "\n2 200"),
        (&["--tlsv1.3", "--http2"], "\n2 200"),
        (&["--tls-max", "1.2", "--http1.1"], "\n1.1 200"),
        (&["--tls-max", "1.2", "--http2"], "\n2 200"),
        (&["--data", "a=b", "--http2"], "\n2 200"),
    ] {
        let said = world.curl(edge.address(), "shop.example", further);
        assert!(said.ends_with(end) && said.contains("\"origin\": \"origin\""), "{further:?}: {said}");
    }
    let by_address = world.curl(edge.address(), "127.0.0.1", &[]);
    assert!(by_address.ends_with("2 200"), "{by_address}");
}

#[test]
fn http_2_can_be_switched_off_and_old_versions_too() {
    let world = World::shop();
    let plain = world.section(&["shop"], ", http2: false");
    let newest = world.section(&["shop"], ", min_version: 1.3");
    let edge = Edge::start(&world.yaml(&[&plain, &newest]));
    let [plain, newest] = edge.addresses() else { panic!() };
    let client = Client::tls(*plain, &world.tls().http2());
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(client.handshake().unwrap().protocol.as_deref(), Some("http/1.1"));

    assert_eq!(Client::tls(*newest, &world.tls()).get("/").status(), 200);
    let old = Client::tls(*newest, &world.tls().versions(Versions::Only12));
    assert!(old.attempt(Request::get("/")).is_err());
    // The client hears of it a moment before it is counted.
    super::wait_for_metric(&edge, "edgeloom_handshake_failures_total{reason=\"nothing_in_common\"}", 1);
}

#[test]
fn connections_are_kept_pipelined_and_closed_as_in_the_clear() {
    let world = World::shop();
    let edge = world.edge(&["shop"]);
    let client = Client::tls(edge.address(), &world.tls());
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(metric(&edge, "edgeloom_handshakes_total{version=\"1.3\",session=\"new\"}"), 1);
    let asked = client.request(Request::get("/").header("connection", "close"));
    assert_eq!(asked.header("connection"), Some("close"));
    assert_eq!(client.get("/").status(), 200);
    let h2 = Client::tls(edge.address(), &world.tls().http2());
    for _ in 0..20 {
        assert_eq!(h2.get("/").status(), 200);
    }
    drop((client, h2));
    let stopped = edge.stop();
    assert!(stopped.status.success() && stopped.took < super::SOON, "{stopped:?}");
}
