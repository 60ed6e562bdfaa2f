//! How endpoints are asked whether they are well, as written and as meant.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use edgeloom_core::health::Thresholds;
use http::Method;
use http::uri::{Authority, PathAndQuery};
use serde_json::{Value, json};

use crate::limits::{CheckCount, CheckInterval, Timeout};
use crate::tree::At;
use crate::written::{Leaf, OneOf, OneOrMany, meant, section, texts, words};

/// How endpoints are asked whether they are well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked; `None` where it is enough that a connection can be made.
    pub http: Option<HttpCheck>,
    pub interval: Duration,
    /// How long one check may take, with the connection.
    pub timeout: Duration,
    pub thresholds: Thresholds,
}

/// A request, and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    pub method: Method,
    pub path: PathAndQuery,
    /// `None` for the address of the endpoint.
    pub host: Option<Box<str>>,
    /// Any of these.
    pub status: Vec<Statuses>,
    /// A text that the first 64 KiB of the body must hold.
    pub body: Option<Box<str>>,
}

/// One status, or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    first: u16,
    last: u16,
}

impl Statuses {
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

section! {
    /// How endpoints are asked whether they are well. An endpoint that is not is passed over until it is again; one that is new counts as well until its first check fails. Short forms: `off`, and `connect` for all defaults.
    Check = "health" {
        /// A request to be answered. By default it is enough that a connection can be made, with TLS where the cluster has it.
        http: Option<OneOf<Target, Request>> = None,
        /// From one check of an endpoint to the next, a tenth more or less, so that checks spread.
        interval: CheckInterval = CheckInterval(Duration::from_secs(10)),
        /// How long a check may take, with the connection.
        timeout: Timeout = Timeout(Duration::from_secs(2)),
        /// How many checks in a row must pass before an endpoint is asked again.
        healthy_after: CheckCount = CheckCount(2),
        /// How many checks in a row must fail before an endpoint is passed over. The very first is enough of one that never passed any.
        unhealthy_after: CheckCount = CheckCount(3),
    }
}

section! {
    /// A request, and what must come of it. Short form: only its `path`.
    Request = "http" {
        /// The path, and a query if there is one.
        path: Target,
        /// The method.
        method: Method = Method::GET,
        /// What the `host` header says. By default the address of the endpoint, as the cluster lists it.
        host: Option<Host> = None,
        /// The statuses that are good: `200`, or a whole class as `2xx`; or a list of such.
        status: OneOrMany<Statuses> = OneOrMany(vec![At::unwritten(OK)]),
        /// A text that must be in the body, in its first 64KiB.
        body: Option<Excerpt> = None,
    }
}

const OK: Statuses = Statuses { first: 200, last: 299 };

#[derive(Debug, Clone, Copy)]
pub(crate) enum Simple {
    Off,
    Connect,
}

words! {
    Simple = "`off` or `connect`" or "a map, such as `{ http: /health }`" {
        "off" => Simple::Off,
        "connect" => Simple::Connect,
    }
}

pub(crate) type Written = OneOf<Simple, Check>;

pub(super) fn resolve(raw: Written) -> Option<Option<Health>> {
    let check = match raw {
        OneOf::Short(Simple::Off) => return Some(None),
        OneOf::Short(Simple::Connect) => Check::default(),
        OneOf::Full(check) => check,
    };
    Some(Some(Health {
        http: check.http?.value.map_or(Some(None), |http| request(http).map(Some))?,
        interval: check.interval?.value.0,
        timeout: check.timeout?.value.0,
        thresholds: Thresholds {
            healthy_after: check.healthy_after?.value.0,
            unhealthy_after: check.unhealthy_after?.value.0,
        },
    }))
}

fn request(raw: OneOf<Target, Request>) -> Option<HttpCheck> {
    let raw = match raw {
        OneOf::Short(path) => Request::of(path),
        OneOf::Full(request) => request,
    };
    Some(HttpCheck {
        method: raw.method?.value,
        path: raw.path?.value.0,
        host: raw.host?.value.map(|host| host.0),
        status: raw.status?.value.0.into_iter().map(|status| status.value).collect(),
        body: raw.body?.value.map(|body| body.0),
    })
}

pub(super) fn write(health: Option<&Health>) -> Written {
    let Some(health) = health else { return OneOf::Short(Simple::Off) };
    let http = health.http.as_ref().map(|http| {
        OneOf::Full(Request {
            path: meant(Target(http.path.clone())),
            method: meant(http.method.clone()),
            host: meant(http.host.clone().map(Host)),
            status: meant(OneOrMany(http.status.iter().copied().map(At::unwritten).collect())),
            body: meant(http.body.clone().map(Excerpt)),
        })
    });
    OneOf::Full(Check {
        http: meant(http),
        interval: meant(CheckInterval(health.interval)),
        timeout: meant(Timeout(health.timeout)),
        healthy_after: meant(CheckCount(health.thresholds.healthy_after)),
        unhealthy_after: meant(CheckCount(health.thresholds.unhealthy_after)),
    })
}

impl Default for Check {
    fn default() -> Self {
        Self {
            http: meant(None),
            interval: meant(CheckInterval(Duration::from_secs(10))),
            timeout: meant(Timeout(Duration::from_secs(2))),
            healthy_after: meant(CheckCount(2)),
            unhealthy_after: meant(CheckCount(3)),
        }
    }
}

impl Request {
    fn of(path: Target) -> Self {
        Self {
            path: meant(path),
            method: meant(Method::GET),
            host: meant(None),
            status: meant(OneOrMany(vec![At::unwritten(OK)])),
            body: meant(None),
        }
    }
}

/// A path, perhaps with a query.
#[derive(Debug)]
pub(crate) struct Target(PathAndQuery);

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let wanted = "a path, such as `/health`, perhaps with a query";
        if !text.starts_with('/') || text.contains('#') {
            return Err(wanted);
        }
        text.parse().map(Self).map_err(|_not_a_path| wanted)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a `host` header may say.
#[derive(Debug)]
pub(crate) struct Host(Box<str>);

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.parse::<Authority>() {
            Ok(_) if !text.contains('@') => Ok(Self(text.into())),
            Ok(_) | Err(_) => Err("a name, perhaps with a port, such as `shop.example`"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Statuses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let wanted = "a status from 100 to 599, or a class, such as `2xx`";
        let (first, last) = match text.strip_suffix("xx") {
            Some(class) => {
                let class: u16 = class.parse().map_err(|_not_a_number| wanted)?;
                (class.saturating_mul(100), class.saturating_mul(100).saturating_add(99))
            }
            None => {
                let status = text.parse().map_err(|_not_a_number| wanted)?;
                (status, status)
            }
        };
        if first >= 100 && last <= 599 { Ok(Self { first, last }) } else { Err(wanted) }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}xx", self.first / 100) }
    }
}

/// A text to look for.
#[derive(Debug)]
pub(crate) struct Excerpt(Box<str>);

impl FromStr for Excerpt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if (1..=1024).contains(&text.len()) { Ok(Self(text.into())) } else { Err("from 1 to 1024 bytes") }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    Target = "a path" like "/health" matching "^/";
    Host = "a host" like "shop.example";
    Excerpt = "a text" like "all is well";
}

/// `200` is taken as the number that it is in YAML.
impl Leaf for Statuses {
    const NAME: &'static str = "a status";
    const EXAMPLE: &'static str = "2xx";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(str::to_owned)
    }

    fn show(&self) -> Value {
        if self.first == self.last { self.first.into() } else { self.to_string().into() }
    }

    fn schema() -> Value {
        let class = json!({ "type": "string", "pattern": "^[1-5]xx$", "examples": [Self::EXAMPLE] });
        json!({ "anyOf": [class, { "type": "integer", "minimum": 100, "maximum": 599 }] })
    }
}
