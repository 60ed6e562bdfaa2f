//! The job, asked of the real binary from both ends.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use edgeloom_testbed::{Client, Manner, Origin, Request, Response, geo};

/// A binary that serves a job, between two origins.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _origins: [Origin; 2],
    _folder: tempfile::TempDir,
}

impl Proxy {
    fn start(program: &str, job: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("flat.mmdb");
        geo::write(geo::Layout::Flat, &database).unwrap();
        let boastful = |name| Manner::echo().named(name).with_header("x-powered-by", "PHP/5.2");
        let origins = ["north", "south"].map(|name| Origin::behaving(boastful(name)));
        let [north, south] = origins.each_ref().map(|origin| origin.address().to_string());
        // Free until a moment ago.
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let address = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.args(["--listen", &address.to_string(), "--north", &north, "--south", &south]);
        let child = command.args(["--job", job, "--database"]).arg(&database).spawn().unwrap();
        let mut proxy = Self { child, address, _origins: origins, _folder: folder };
        proxy.accepts();
        proxy
    }

    fn accepts(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not listen");
            park_timeout(Duration::from_millis(10));
        }
    }

    fn ask(&self, client: &str, cookie: &str) -> Response {
        let request = Request::get("/shop/articles/tea?page=2").host("shop.example");
        let forged = [
            ("x-forwarded-for", client),
            ("cookie", cookie),
            ("x-internal-debug", "1"),
            ("x-internal-user", "2"),
            ("x-geo-country", "IS"),
            ("x-geo-city", "Forged"),
            ("x-ab-checkout", "forged"),
        ];
        let request = forged.iter().fold(request, |request, (name, value)| request.header(name, value));
        let response = Client::to(self.address).request(request);
        assert_eq!(response.status(), 200, "{}", response.text());
        response
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const TUNED: &str = env!("CARGO_BIN_EXE_edgeloom-peer-pingora");
const STOCK: &str = env!("CARGO_BIN_EXE_edgeloom-peer-pingora-stock");

#[test]
fn the_native_job_is_done_from_both_ends() {
    let proxy = Proxy::start(TUNED, "native");
    let response = proxy.ask("192.0.2.7", "session=1; ab=checkout.green");
    let echo = response.echo();
    assert_eq!((echo.origin.as_deref(), &*echo.path), (Some("north"), "/articles/tea?page=2"));
    for (name, value) in [
        ("x-geo-country", Some("SE")),
        ("x-geo-city", Some("Stockholm")),
        ("x-ab-checkout", Some("green")),
        ("x-internal-debug", None),
        ("x-internal-user", None),
        ("x-edge", Some("pingora")),
        ("x-client", Some("192.0.2.7")),
    ] {
        assert_eq!(echo.header(name), value, "{name}");
    }
    for (name, value) in [("server", None), ("x-powered-by", None), ("x-served-by", Some("pingora"))] {
        assert_eq!(response.header(name), value, "{name}");
    }
    assert_eq!(response.sets_cookie("ab"), None);
}

#[test]
fn a_new_client_of_nowhere_is_drawn_goes_south_and_forges_nothing() {
    let proxy = Proxy::start(TUNED, "native");
    let response = proxy.ask("10.0.0.1", "ab=checkout.mauve");
    let echo = response.echo();
    assert_eq!(echo.origin.as_deref(), Some("south"));
    assert_eq!((echo.header("x-geo-country"), echo.header("x-geo-city")), (None, None));
    let variant = echo.header("x-ab-checkout").unwrap();
    assert_eq!(response.sets_cookie("ab").unwrap(), format!("checkout.{variant}"));
    assert_eq!(proxy.ask("10.0.0.1", "").echo().header("x-ab-checkout"), Some(variant));
}

#[test]
fn the_bare_job_changes_nothing() {
    for program in [TUNED, STOCK] {
        let response = Proxy::start(program, "bare").ask("192.0.2.7", "");
        let echo = response.echo();
        assert_eq!((echo.origin.as_deref(), &*echo.path), (Some("south"), "/shop/articles/tea?page=2"));
        assert_eq!(echo.header("x-internal-debug"), Some("1"));
        assert_eq!(response.header("x-powered-by"), Some("PHP/5.2"));
    }
}
