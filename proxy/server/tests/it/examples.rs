mod sockets; // those about what carries requests

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use edgeloom_testbed::geo::{self, Layout};
use edgeloom_testbed::{Authority, Client, Configuration, Edge, Launch, Order, Origin, Request, Tls};
use tempfile::TempDir;

/// An example of `config/examples`, with origins behind it that are named by the ports it gives them.
struct Example {
    edge: Edge,
    origins: Vec<Origin>,
    /// Has signed the certificates, if the example has any.
    authority: Authority,
    /// Has in it what the example expects in `/run/edgeloom`, too.
    folder: TempDir,
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/examples")
}

impl Example {
    fn start(name: &str) -> Self {
        Self::start_before(name, &BTreeMap::new())
    }

    /// With others than these origins behind it at the ports that are named.
    fn start_before(name: &str, others: &BTreeMap<u16, SocketAddr>) -> Self {
        Self::start_edited(name, others, |text, _| text)
    }

    /// The same once more has been exchanged, and made with the authority that has signed the certificates.
    fn start_edited(
        name: &str,
        others: &BTreeMap<u16, SocketAddr>,
        edit: impl FnOnce(String, &Authority) -> String,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let database = folder.path().join("geo.mmdb");
        geo::write(Layout::City, &database).unwrap();
        let example = Configuration::read(&examples().join(name).with_extension("yaml")).unwrap();
        let ports = [8101, 8102, 8103];
        let origins: Vec<_> = ports.iter().map(|port| Origin::echo(&port.to_string())).collect();
        let moved: BTreeMap<_, _> = ports
            .iter()
            .zip(&origins)
            .map(|(port, origin)| (port, others.get(port).copied().unwrap_or_else(|| origin.address())))
            .map(|(port, address)| (SocketAddr::from(([127, 0, 0, 1], *port)), address))
            .collect();
        let filters = super::module("headers").parent().unwrap().to_owned();
        let file = folder.path().join("edge.yaml");
        copy(&examples().join("pages"), &folder.path().join("pages"));
        let moved = example.elsewhere(&moved, &filters, &database).unwrap();
        let authority = certificates(folder.path());
        let here = folder.path().display().to_string();
        let moved = moved.text().replace("/etc/edgeloom/tls", &here).replace("/run/edgeloom", &here);
        let moved = example.with_text(edit(moved, &authority)).unwrap();
        // The default port is one for all.
        let admin = if moved.text().contains("\nadmin:") { "" } else { "admin: { bind: '127.0.0.1:0' }\n" };
        moved.with_text(format!("{admin}{}", moved.text())).unwrap().write(&file).unwrap();
        let cache = filters.join("../release/test-cache");
        let edge = Launch::file(file).environment("XDG_CACHE_HOME", cache).start();
        let edge = edge.unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { edge, origins, authority, folder }
    }

    /// The origin that answers this.
    #[track_caller]
    fn origin(&self, request: Request) -> String {
        self.edge.request(request).echo().origin.unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The certificates that examples name, in this folder.
fn certificates(folder: &Path) -> Authority {
    let authority = Authority::new();
    let shop = Order::server(&["shop.example", "*.shop.example"]);
    for (name, order) in [
        ("shop", &shop),
        ("shop-rsa", &shop.clone().rsa()),
        ("blog", &Order::server(&["blog.example"])),
        ("edge", &Order::client("edge")),
    ] {
        authority.issue(order).write(folder, name);
    }
    for name in ["partners", "internal-ca"] {
        fs::write(folder.join(name).with_extension("pem"), authority.pem()).unwrap();
    }
    authority
}

/// Addresses in Sweden and in Germany, by the demo's database.
const SWEDE: &str = "89.160.20.112";
const GERMAN: &str = "192.0.2.129";

#[test]
fn every_example_is_tried_here() {
    let files = fs::read_dir(examples()).unwrap().map(|file| file.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|kind| kind == "yaml"));
    let own = concat!(include_str!("examples.rs"), include_str!("examples/sockets.rs"));
    for path in yaml {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let starts =
            ["start", "start_before", "start_edited"].map(|start| format!("Example::{start}(\"{name}\""));
        assert!(starts.iter().any(|start| own.contains(start)), "{name}");
    }
}

#[test]
fn ab_split() {
    let example = Example::start("ab-split");
    let first = example.edge.get("/cart/1");
    let (cookie, variant) = (first.sets_cookie("ab").unwrap().to_owned(), first.echo());
    let again = example.edge.request(Request::get("/cart/2").cookie("ab", &cookie)).echo();
    assert_eq!(again.header("x-ab-checkout"), variant.header("x-ab-checkout"));
    assert!(variant.header("x-ab-checkout").is_some());
    assert_eq!(example.edge.get("/").echo().header("x-ab-checkout"), None);
}

#[test]
fn acme() {
    let example = Example::start("acme");
    assert_eq!(
        example.origin(Request::get("/.well-known/acme-challenge/token").host("shop.example")),
        "8101"
    );
    let moved = example.edge.request(Request::get("/cart?item=1").host("shop.example"));
    assert_eq!((moved.status(), moved.header("location")), (308, Some("https://shop.example/cart?item=1")));
}

#[test]
fn canary_route() {
    let example = Example::start("canary-route");
    let shop = || Request::get("/").host("shop.example");
    assert_eq!(example.origin(shop()), "8101");
    assert_eq!(example.origin(shop().header("x-canary", "1")), "8102");
    assert_eq!(example.origin(shop().header("cookie", "a=b; canary=1")), "8102");
    assert_eq!(example.origin(shop().header("cookie", "canary=10")), "8101");
}

#[test]
fn canary_share() {
    let example = Example::start("canary-share");
    let first = example.origin(Request::get("/"));
    assert!((0..5).all(|_| example.origin(Request::get("/")) == first));
}

#[test]
fn compression() {
    let example = Example::start("compression");
    let coding = |path| {
        let long = "x".repeat(2000);
        let request = Request::get(path).header("accept-encoding", "gzip, br, zstd").header("x-long", long);
        example.edge.request(request).header("content-encoding").map(str::to_owned)
    };
    assert_eq!(coding("/").as_deref(), Some("zstd"));
    assert_eq!(coding("/api/cart").as_deref(), Some("zstd"));
    assert_eq!(coding("/downloads/archive"), None);
}

#[test]
fn fault_policy() {
    let example = Example::start("fault-policy");
    let asked = example.edge.request(Request::get("/").header("x-internal-user", "root")).echo();
    assert_eq!(asked.header("x-internal-user"), None);
    assert!(asked.header("x-ab-banner").is_some(), "{asked:?}");
}

#[test]
fn geo_access() {
    let example = Example::start("geo-access");
    let casino = |client| example.edge.request(Request::get("/casino/").forwarded_for(client));
    assert_eq!(casino(SWEDE).status(), 200);
    let outside = casino(GERMAN);
    assert_eq!((outside.status(), outside.text()), (451, "Not available where you are.\n"));
    assert_eq!(example.edge.get("/").status(), 200);
}

#[test]
fn geo_headers() {
    let example = Example::start("geo-headers");
    let request = Request::get("/").forwarded_for(SWEDE).header("cf-ipcountry", "XX");
    assert_eq!(example.edge.request(request).echo().header_all("cf-ipcountry"), ["SE"]);
    assert_eq!(super::line_about(&example.edge, "/")["facts"]["geo.country"], "SE");
}

#[test]
fn geo_routing() {
    let example = Example::start("geo-routing");
    assert_eq!(example.origin(Request::get("/").forwarded_for(SWEDE)), "8101");
    assert_eq!(example.origin(Request::get("/").forwarded_for(GERMAN)), "8102");
}

#[test]
fn header_rules() {
    let example = Example::start("header-rules");
    let response = example.edge.request(Request::get("/").header("x-internal-user", "root"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let asked = response.echo();
    assert_eq!((asked.header("x-internal-user"), asked.header("x-client")), (None, Some("127.0.0.1")));
    assert_eq!(response.header("x-request"), asked.header("x-request-id"));
}

#[test]
fn load_balancing() {
    let example = Example::start("load-balancing");
    for _ in 0..40 {
        example.edge.get("/");
    }
    let requests: Vec<_> = example.origins.iter().map(Origin::requests).collect();
    assert_eq!(requests, [10, 10, 20]);
}

#[test]
fn affinity() {
    let example = Example::start("affinity");
    let cart = |user| example.origin(Request::get("/cart/").header("x-user", user));
    for user in ["ann", "bob", "eve"] {
        let first = cart(user);
        assert!((0..3).all(|_| cart(user) == first), "{user}");
    }
    let first = example.edge.get("/");
    let (node, origin) = (first.sets_cookie("node").unwrap(), first.echo().origin);
    assert!(first.header("set-cookie").unwrap().contains("; Max-Age=28800;"));
    for _ in 0..3 {
        assert_eq!(example.edge.request(Request::get("/").cookie("node", node)).echo().origin, origin);
    }
}

#[test]
fn resilience() {
    let example = Example::start("resilience");
    assert!(["8101", "8102"].contains(&&*example.origin(Request::get("/"))));
    for origin in &example.origins[..2] {
        origin.change_status(503);
    }
    // Nobody there answers with anything else, so the spare does.
    assert_eq!(example.origin(Request::get("/")), "8103");
}

#[test]
fn maintenance() {
    let example = Example::start("maintenance");
    let closed = |accept| example.edge.request(Request::get("/").header("accept", accept));
    let page = closed("text/html");
    assert_eq!((page.status(), page.header("retry-after")), (503, Some("3600")));
    assert!(page.text().contains("closed for an hour"), "{}", page.text());
    let json: serde_json::Value = closed("application/json").json();
    assert_eq!(json["error"]["code"], 503);
    assert_eq!(example.origin(Request::get("/").cookie("staff", "1")), "8101");
    assert_eq!(example.edge.get("/robots.txt").text(), "User-agent: *\nDisallow: /cart/\n");
}

#[test]
fn mirror() {
    let example = Example::start("mirror");
    assert_eq!(example.origin(Request::get("/search/shoes")), "8101");
    let counter = "edgeloom_mirrored_total{route=\"search\",outcome=\"answered\"}";
    super::wait_for_metric(&example.edge, counter, 1);
    assert!(example.origins[1].requests() >= 1);
}

#[test]
fn path_rewrites() {
    let example = Example::start("path-rewrites");
    for (path, at_origin) in [("/p/17", "/articles/17"), ("/shop/cart?a=b", "/cart?a=b"), ("/else", "/else")]
    {
        assert_eq!(example.edge.get(path).echo().path, at_origin);
    }
}

#[test]
fn redirects() {
    let example = Example::start("redirects");
    for (path, status, location) in [
        ("/old/a/b", 308, Some("/new/a/b")),
        ("/imprint", 301, Some("https://www.example.com/imprint")),
        ("/", 200, None),
    ] {
        let response = example.edge.get(path);
        assert_eq!((response.status(), response.header("location")), (status, location));
    }
}

#[test]
fn trace_context() {
    let example = Example::start("trace-context");
    let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = example.edge.request(Request::get("/").header("traceparent", theirs)).echo();
    let line = super::line_about(&example.edge, "/");
    let ours = format!("00-{}-{}-01", line["trace"].as_str().unwrap(), line["span"].as_str().unwrap());
    assert_eq!(asked.header("traceparent"), Some(&*ours));
    assert_ne!(line["trace"], "0af7651916cd43dd8448eb211c80319c");
    assert!(asked.header("forwarded").unwrap().starts_with("for=127.0.0.1;host="));
}

#[test]
fn tls() {
    let example = Example::start("tls");
    let [sites, partners] = example.edge.addresses() else { panic!() };
    let tls = Tls::believing(&example.authority).http2();
    for (host, origin) in [("shop.example", "8101"), ("www.shop.example", "8101"), ("blog.example", "8102")] {
        let client = Client::tls(*sites, &tls.clone().naming(host));
        assert_eq!(client.request(Request::get("/").host(host)).echo().origin.as_deref(), Some(origin));
        let other = if host == "blog.example" { "shop.example" } else { "blog.example" };
        assert_eq!(client.request(Request::get("/").host(other)).status(), 421);
    }
    let tls = tls.naming("shop.example");
    let shop = || Request::get("/").host("shop.example");
    assert!(Client::tls(*partners, &tls).attempt(shop()).is_err());
    let partner = example.authority.issue(&Order::client("partner"));
    assert_eq!(Client::tls(*partners, &tls.showing(&partner)).request(shop()).status(), 200);
}

#[test]
fn two_listeners() {
    let example = Example::start("two-listeners");
    let balancer = Client::h2c(example.edge.addresses()[1]);
    let request = || Request::get("/").forwarded_for("203.0.113.7");
    let asked = balancer.request(request().host("www.shop.example")).echo();
    assert_eq!(
        (asked.origin.as_deref(), asked.header("x-forwarded-for")),
        (Some("8101"), Some("203.0.113.7, 127.0.0.1"))
    );
    let asked = example.edge.request(request().host("blog.example")).echo();
    assert_eq!((asked.origin.as_deref(), asked.header("x-forwarded-for")), (Some("8102"), Some("127.0.0.1")));
    assert_eq!(example.edge.request(Request::post("/", "").host("blog.example")).status(), 404);
}

#[test]
fn websocket() {
    let example = Example::start("websocket");
    let ask = |path: &str| Request::get(path).header("connection", "upgrade").header("upgrade", "websocket");
    // These origins speak none, and say what they were asked.
    for (path, origin, upgrade, client) in
        [("/chat", "8101", Some("websocket"), Some("127.0.0.1")), ("/cart", "8102", None, None)]
    {
        let asked = example.edge.request(ask(path)).echo();
        assert_eq!((asked.origin.as_deref(), asked.header("upgrade")), (Some(origin), upgrade));
        assert_eq!(asked.header("x-client"), client);
    }
}

#[test]
fn grpc() {
    let example = Example::start("grpc");
    let client = Client::h2c(example.edge.address());
    let call = Request::post("/shop.Cart/Add", "").header("content-type", "application/grpc+proto");
    let asked = client.request(call.header("te", "trailers")).echo();
    assert_eq!((asked.version.as_str(), asked.header("te")), ("HTTP/2.0", Some("trailers")));
    assert!(["8101", "8102"].contains(&asked.origin.as_deref().unwrap()));
    let asked = client.get("/").echo();
    assert_eq!((asked.origin.as_deref(), asked.version.as_str()), (Some("8103"), "HTTP/1.1"));
}
