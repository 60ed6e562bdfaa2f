//! The file as written: every section, its fields and their defaults. The doc
//! comments are the operator's reference: they are in the schema and the README.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use edgeloom_core::address::Address;
use edgeloom_core::client::ForwardingHeader;
use edgeloom_core::condition::{HostPattern, PathPattern, ValuePattern};
use edgeloom_core::digest::Digest;
use edgeloom_core::fault::OnFault;
use edgeloom_core::forward::Forwarding;
use edgeloom_core::limits::{DEADLINE_DEFAULT, MEMORY_DEFAULT, MODULE_MAX};
use http::{HeaderName, Method};
use serde_json::{Value, json};

use crate::clients::{Limits, RawLimits};
use crate::cluster::balance::{Choice, Way};
use crate::cluster::health::{Check, Simple};
use crate::cluster::tls::ClusterTls;
use crate::cluster::trouble::{Breaking, DEFAULT_EJECT, Ejecting, Loading, Retrying, Without, write_eject};
use crate::cluster::{ProxyWord, Spoken};
use crate::config::{Off, Threads};
use crate::dns::Resolving;
use crate::filter::{Fresh, Grant};
use crate::limits::{BodySize, Deadline, Drain, Memory, ModuleSize, Retries, Reuse, Timeout, Weight};
use crate::listener::forwarding::Says;
use crate::listener::{Bind, Network, ProxyProtocol, RawSocket, RawTls, Socket};
use crate::module::{FilePath, FileSource};
use crate::names::Name;
use crate::problem::Problems;
use crate::route::compress::Switch;
use crate::route::{Protocol, QueryName};
use crate::tree::{At, Node};
use crate::written::{Entries, List, OneOf, OneOrMany, Written, meant, section};
use crate::{AccessLog, Answers, Cache, Load, Timeouts, answers, route};

section! {
    /// The whole file.
    File = "the configuration" {
        /// The addresses that requests come in on.
        listeners: List<Listener, 1>,
        /// Where the operator asks for health, metrics and the generation, and tells the edge to reload. The default is of this machine only: whoever can reach it can reload.
        admin: OneOf<Off, Admin> = OneOf::Full(Admin::default()),
        /// How many threads serve requests. Filters run on them, so more than there are cores only take turns.
        workers: Threads = Threads::Cores,
        /// Where the line about each exchange goes, as JSON: `stdout`, `off`, or `file:` and a path.
        access_log: AccessLog = AccessLog::Stdout,
        /// How long a shutdown waits for exchanges that are under way. Half a minute is what orchestrators grant before they kill. Those that are left then are cut off within a second or two: they are answered with 503 where nothing has been sent yet, and are in the access log.
        drain: Drain = Drain(Duration::from_secs(30)),
        /// What a client may take.
        limits: RawLimits = RawLimits::from(Limits::default()),
        /// Where compiled modules are kept from one start to the next: a folder, `user` for the user's own (`$XDG_CACHE_HOME/edgeloom`, else `~/.cache/edgeloom`), or `off`. Give it to nobody else: what lies there is run.
        cache: Cache = Cache::User,
        /// The geo database. Needed by filters that are granted `geo`; there is none by default.
        geo: Option<Geo> = None,
        /// What the edge itself says, where something failed.
        answers: answers::Own = answers::Own::from(Answers::default()),
        /// The files that hold filters' code, by names of your choice.
        modules: Entries<Name, OneOf<FileSource, Module>> = Entries(Vec::new()),
        /// What runs: modules with settings, grants and budgets, by names of your choice. One module may serve many filters.
        filters: Entries<Name, Filter> = Entries(Vec::new()),
        /// How the names of endpoints are looked up. Nothing is, where there are none.
        dns: Resolving = Resolving::default(),
        /// The groups of servers that requests are sent to, by names of your choice.
        clusters: Entries<Name, Cluster> = Entries(Vec::new()),
        /// Which request goes where, and through which filters. Their order does not matter: the most specific one that matches is chosen.
        routes: List<Route, 1>,
    }
}

section! {
    /// An address that requests come in on. HTTP/1.1 is always spoken.
    Listener = "a listener" {
        /// The address and port to accept on; port 0 takes any that is free. Or `unix:` and a path: a socket that nobody listens on any more is replaced, and it is removed at the end. Whoever connects to one counts as `127.0.0.1`, also to `trust`.
        bind: Bind,
        /// Whether HTTP/2 by prior knowledge is spoken too, as gRPC clients and load balancers do on cleartext. Without meaning on TLS, where HTTP/2 is agreed on in the handshake.
        h2c: bool = true,
        /// TLS, and its certificates. Without it the listener speaks in the clear.
        tls: Option<RawTls> = None,
        /// The networks, or single addresses, of the proxies before this edge. Only their forwarding header is believed; by default nobody's is, and the client is whoever connects.
        trust: List<Network> = List(Vec::new()),
        /// The header in which those proxies report the client: `x-forwarded-for`, or `forwarded` (RFC 7239). It is walked from the right, over trusted networks only.
        forwarded: ForwardingHeader = ForwardingHeader::XForwardedFor,
        /// What requests say of their client, on their way to an endpoint.
        forwarding: Says = Says::from(Forwarding::DEFAULT),
        /// Whether who asks in cleartext is sent to `https://` and the same host, path and query, with 308. The challenges by which certificates are obtained (`/.well-known/acme-challenge/`) take their route, and so does what a trusted peer was asked for in TLS.
        to_https: bool = false,
        /// Whether connections begin with an announcement of the PROXY protocol: `v1` (text), `v2` (binary), `any`, or `off`. Where they do, the peer is the one announced, in logs, too, and who is not in `trust`, or announces nothing, is turned away. With `LOCAL` (a health check of the balancer) the peer stays itself. A change needs a restart.
        proxy_protocol: ProxyProtocol = ProxyProtocol::Off,
        /// How the socket is set up.
        socket: RawSocket = RawSocket::from(Socket::default()),
    }
}

section! {
    /// The operator's port.
    Admin = "admin" {
        /// The address and port to accept on.
        bind: SocketAddr = ADMIN_BIND,
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { bind: meant(ADMIN_BIND) }
    }
}

const ADMIN_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

section! {
    /// The files that say where an address is, in MaxMind's MMDB format.
    Geo = "geo" {
        /// A City or Country database: GeoIP2 and GeoLite2, or DB-IP's.
        database: FilePath,
        /// An ASN database, for networks' numbers and names.
        asn: Option<FilePath> = None,
    }
}

section! {
    /// A file that holds a filter's code. Short form: only its `from`.
    Module = "a module" {
        /// The file: `file:` and a path. A component, or a core module that embeds the contract.
        from: FileSource,
        /// The SHA-256 of the only bytes that are accepted; `edgeloom inspect` prints it. Not checked by default.
        sha256: Option<Digest> = None,
        /// The largest file that is accepted. The filters that come with the edge have less than 150KiB.
        size_max: ModuleSize = ModuleSize(MODULE_MAX),
    }
}

section! {
    /// A module that is configured, and what it may do and take.
    Filter = "a filter" {
        /// The name of its module.
        module: Name,
        /// Whatever the filter wants to be told. The edge hands it over as JSON (`null` where there is nothing), and the filter checks it while the configuration is loaded.
        settings: Settings = Settings(Value::Null),
        /// What the filter may do beyond reading and editing what passes through it: `geo` (look addresses up), `log` (write to the log), `tls` (ask how the connection is encrypted, and which certificate the client showed), `cluster:<name>` (send requests there). Nothing by default.
        grants: List<Grant> = List(Vec::new()),
        /// How long one call may take. Filters take microseconds; two hundred times that is a mistake and not a bad moment.
        deadline: Deadline = Deadline(DEADLINE_DEFAULT),
        /// How much memory one instance may have. The default holds tables of tens of thousands of lines; as many instances are live as there are calls at one time.
        memory: Memory = Memory(MEMORY_DEFAULT),
        /// What is done when the filter fails: `fail` answers the client with an error, `skip` goes on as if the filter were not there. It may be what keeps people out, so the default is `fail`.
        on_fault: OnFault = OnFault::Fail,
        /// `fresh`: every call gets an instance as if nobody had used it. `{ reuse: N }`: up to N are kept and used again, which is faster, but then a filter can leak from one request into another. One that has taken half of the `memory` left to it is not kept.
        instances: OneOf<Fresh, Warm> = OneOf::Short(Fresh::Fresh),
    }
}

section! {
    /// Instances that are used again.
    Warm = "instances" {
        /// How many are kept.
        reuse: Reuse,
    }
}

section! {
    /// A group of servers, any of which can answer.
    Cluster = "a cluster" {
        /// The servers: an address and a port, a name and a port, or `unix:` and the path of a socket.
        endpoints: List<OneOf<Address, Endpoint>, 1>,
        /// What the endpoints speak: `http1`; `http2`, negotiated where there is TLS and by prior knowledge where there is none (h2c); or `auto`, whichever of the two an endpoint prefers, which takes TLS. An endpoint that does not agree to `http2` is not asked. Over HTTP/2 many requests share a connection; gRPC needs it.
        protocol: Spoken = Spoken::Http1,
        /// TLS to the endpoints. By default they are spoken to in the clear.
        tls: Option<ClusterTls> = None,
        /// Whether endpoints are told who the client is before anything else on a connection, by the PROXY protocol: `off`, `v1` or `v2`. Connections are then shared by the requests of one client only. An endpoint that does not expect it takes it for a malformed request.
        proxy_protocol: ProxyWord = ProxyWord::Off,
        /// How the endpoint to ask is chosen: `round-robin` (in turns, by weight), `least-request` (the less busy of two that are drawn by weight), `{ hash: … }` (the same one for the same client, header or cookie), or `{ sticky: … }` (the one that answered before). Whoever is unwell, ejected or full is passed over; but where fewer than one in five are left, all are asked as if they were well.
        balance: OneOf<Way, Choice> = OneOf::Short(Way::RoundRobin),
        /// How endpoints are asked whether they are well: `connect`, a map, or `off`.
        health: OneOf<Simple, Check> = OneOf::Short(Simple::Off),
        /// When an endpoint is passed over for what came of the requests that were sent to it; `off` for never.
        eject: OneOf<Without, Ejecting> = write_eject(Some(&DEFAULT_EJECT)),
        /// When another endpoint is tried after one has failed: a whole number of further tries, or a map.
        retries: OneOf<Retries, Retrying> = OneOf::Short(Retries(1)),
        /// How much the cluster is asked at one time. Unlimited by default.
        limits: Loading = Loading::from(Load::default()),
        /// When the whole cluster is left in peace for a moment because most requests fail.
        breaker: OneOf<Without, Breaking> = OneOf::Short(Without::Off),
        /// How long an endpoint may take.
        timeouts: Times = Times::from(Timeouts::default()),
        /// The clusters to ask instead, in this order, where no endpoint of this one can be. Only the list of the cluster that a request was sent to counts, so two clusters may stand in for each other.
        failover: List<Name> = List(Vec::new()),
    }
}

section! {
    /// A server. Short form: only its `address`.
    Endpoint = "an endpoint" {
        /// Its address and port (`10.0.1.4:80`, `[fd00::4]:80`), its name and port (`shop.internal:80`), or `unix:` and the absolute path of its socket.
        address: Address,
        /// Its share of the requests, against the weights of the others.
        weight: Weight = Weight(1),
    }
}

section! {
    /// How long an endpoint may take.
    Times = "timeouts" {
        /// To accept a connection. In the same network that takes milliseconds: after a second it is gone.
        connect: Timeout = Timeout(Timeouts::default().connect),
        /// For the TLS handshake, once connected. It takes a round trip or two and some arithmetic.
        tls: Timeout = Timeout(Timeouts::default().tls),
        /// From the connection to the first byte of the response; by default no longer than `read`. Where it is longer, `read` is as long, too.
        first_byte: Option<Timeout> = None,
        /// Between two reads of the response. Pages may take long to make.
        read: Timeout = Timeout(Timeouts::default().read),
        /// To take what is written to it.
        write: Timeout = Timeout(Timeouts::default().write),
        /// How long an unused connection is kept. Most origins close theirs after 60 to 75 seconds.
        idle: Timeout = Timeout(Timeouts::default().idle),
        /// For the whole exchange, with all tries and both bodies. By default it may go on for as long as something is sent.
        total: Option<Timeout> = None,
    }
}

section! {
    /// Which requests go where.
    Route = "a route" {
        /// Its name, for logs and metrics.
        name: Name,
        /// What must hold of a request. By default every request matches.
        when: When = When::default(),
        /// The filters that the request passes, in this order; the response passes them in reverse.
        filters: List<OneOf<Name, Link>> = List(Vec::new()),
        /// The largest body of a request on this route (413). The default is what `limits` says.
        body: Option<BodySize> = None,
        /// The cluster that the request is sent to, unless a filter chooses another. Left out where the edge is to `answer` itself.
        to: Option<Name> = None,
        /// What the edge answers itself, unless a filter answers, or chooses a cluster: maintenance pages, redirects, small files.
        answer: Option<route::answer::Own> = None,
        /// Whether responses are compressed on their way to the client: `off`, `on` with the defaults, or in detail.
        compress: OneOf<Switch, route::compress::Own> = OneOf::Short(Switch::Off),
        /// What clients may switch their connection to: WebSocket by default.
        upgrades: Upgrades = Upgrades::default(),
        /// A second cluster that is sent copies of the requests, or of a share of them. By default there is none.
        mirror: Option<route::mirror::Mirroring> = None,
    }
}

section! {
    /// Requests of HTTP/1.1 that ask to go on in another protocol on their connection. They pass the filters as any request does, and may be answered there; once the endpoint has agreed (101), bytes are passed on both ways as they come, until both sides have closed. Such a tunnel keeps the generation that it began in. A request with a body, or one that asks for anything else, is passed on as the plain request that it also is.
    Upgrades = "upgrades" {
        /// The protocols that are let through. `[]` for none.
        protocols: List<Protocol> = List(vec![At::unwritten(Protocol::websocket())]),
        /// How long nothing may pass in either direction. A peer that is gone is found sooner, by the keepalive of its socket.
        idle: Timeout = Timeout(crate::Upgrades::default().idle),
    }
}

section! {
    /// A filter in a chain that only some requests pass. Short form: only its name.
    Link = "an entry of a chain" {
        /// The name of the filter.
        filter: Name,
        /// What must hold of a request for the filter to be called, as earlier filters left it. Decided without entering the filter, so that it costs next to nothing.
        when: When = When::default(),
    }
}

section! {
    /// What must hold of a request: every field that is given. Fields that are left out ask for nothing.
    When = "`when`" {
        /// The host, or one of several: `shop.example`, `*.shop.example` (any depth below, not itself), or `*`. Case and port do not matter.
        host: OneOrMany<HostPattern> = OneOrMany(Vec::new()),
        /// The path, or one of several: `/exact`, `/prefix/*` (and `/prefix` itself), `/*`, or `~` and a regular expression.
        path: OneOrMany<PathPattern> = OneOrMany(Vec::new()),
        /// The method, or one of several.
        method: OneOrMany<Method> = OneOrMany(Vec::new()),
        /// Headers by name, all of which must match: `"*"` (is there), `"!"` (is not there), `text` (is equal), or `~` and a regular expression.
        headers: Entries<HeaderName, ValuePattern> = Entries(Vec::new()),
        /// Query parameters by name, in the same way.
        query: Entries<QueryName, ValuePattern> = Entries(Vec::new()),
    }
}

/// What an operator tells a filter: opaque here.
#[derive(Debug)]
pub(crate) struct Settings(pub(crate) Value);

impl Written for Settings {
    fn what() -> String {
        "whatever the filter wants".to_owned()
    }

    fn read(node: &Node, _problems: &mut Problems) -> Option<Self> {
        Some(Self(node.json()))
    }

    fn show(&self) -> Value {
        self.0.clone()
    }

    fn schema() -> Value {
        json!({})
    }
}
