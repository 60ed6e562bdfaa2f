//! Who answers, and how they are spoken to.

pub(crate) mod tls; // in secret

pub(crate) mod balance; // how one of them is chosen
pub(crate) mod health; // whether they are well
pub(crate) mod trouble; // what is done when they fail

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use edgeloom_core::address::Address;
use edgeloom_core::breaker::Break;
use edgeloom_core::cluster::{Balance, Endpoint};
use edgeloom_core::ids::ClusterId;
use edgeloom_core::outlier::Eject;
use edgeloom_core::retry::Retry;

use crate::limits::{Timeout, Weight};
use crate::names::Name;
use crate::problem::{Problem, Problems};
use crate::resolve::Known;
use crate::tree::{At, Span};
use crate::written::{Field, List, OneOf, meant, texts, words};
use crate::{Config, raw};

pub use health::{Health, HttpCheck, Statuses};
pub use trouble::Load;

/// A named group of servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    pub name: String,
    /// At least one, no address twice.
    pub endpoints: Vec<Endpoint>,
    pub protocol: Spoken,
    /// `None`: in the clear.
    pub tls: Option<tls::UpstreamTls>,
    /// Which header says, before all else, who the client is.
    pub proxy_protocol: Option<ProxyHeader>,
    pub balance: Balance,
    pub health: Option<Health>,
    pub eject: Option<Eject>,
    pub retry: Retry,
    pub load: Load,
    pub breaker: Option<Break>,
    pub timeouts: Timeouts,
    /// Asked in this order where none of its endpoints can be: none twice, nor itself.
    pub failover: Vec<ClusterId>,
}

/// What endpoints speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoken {
    Http1,
    Http2,
    /// Whichever of the two the endpoint prefers, as TLS negotiates it.
    Auto,
}

/// The version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// As text.
    V1,
    /// In binary.
    V2,
}

/// How long an endpoint may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// For the TLS handshake after that.
    pub tls: Duration,
    /// From the connection to the first byte of the response; `None` for no longer than `read`.
    pub first_byte: Option<Duration>,
    /// Between two reads from it.
    pub read: Duration,
    /// To take what is written to it.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// For the whole exchange; `None` for as long as there is progress.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    /// An endpoint in the same network connects in milliseconds, so a second
    /// means that it is gone; a handshake takes two round trips and a signature; a page may take long to make; most origins close
    /// idle connections after 60 to 75 seconds, and ours should be closed first.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            tls: Duration::from_secs(2),
            first_byte: None,
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            total: None,
        }
    }
}

impl Cluster {
    pub(crate) fn resolve(
        name: String,
        raw: raw::Cluster,
        folder: &Path,
        known: &Known,
        problems: &mut Problems,
    ) -> Option<Self> {
        let endpoints = raw.endpoints.and_then(|endpoints| endpoints_of(endpoints.value, problems));
        let tls = raw.tls.and_then(|At { value, span }| match value {
            Some(value) => {
                let known = endpoints.as_deref().unwrap_or_default();
                tls::UpstreamTls::resolve(At { value, span }, known, folder, problems).map(Some)
            }
            None => Some(None),
        });
        let protocol = raw.protocol?;
        if let (Spoken::Auto, Some(None)) = (protocol.value, &tls) {
            problems.push(protocol.span, Problem::NothingNegotiated);
        }
        let balance = raw.balance.and_then(|balance| balance::resolve(balance, problems));
        let failover = failover(&name, raw.failover, known, problems);
        Some(Self {
            name,
            endpoints: endpoints?,
            protocol: protocol.value,
            tls: tls?,
            proxy_protocol: raw.proxy_protocol?.value.into(),
            balance: balance?,
            health: health::resolve(raw.health?.value)?,
            eject: trouble::eject(raw.eject?.value)?,
            retry: trouble::retry(raw.retries?.value)?,
            load: trouble::load(raw.limits?.value)?,
            breaker: trouble::breaker(raw.breaker?.value)?,
            timeouts: Timeouts::resolve(&raw.timeouts?.value)?,
            failover: failover?,
        })
    }

    pub(crate) fn write(&self, config: &Config) -> raw::Cluster {
        let endpoint = |endpoint: &Endpoint| {
            let address = endpoint.address.clone();
            let full = raw::Endpoint { address: meant(address), weight: meant(Weight(endpoint.weight)) };
            At::unwritten(OneOf::Full(full))
        };
        let named = |id: &ClusterId| Some(At::unwritten(Name(config.clusters.get(id.index())?.name.clone())));
        raw::Cluster {
            endpoints: meant(List(self.endpoints.iter().map(endpoint).collect())),
            protocol: meant(self.protocol),
            tls: meant(self.tls.as_ref().map(tls::UpstreamTls::write)),
            proxy_protocol: meant(self.proxy_protocol.into()),
            balance: meant(balance::write(&self.balance)),
            health: meant(health::write(self.health.as_ref())),
            eject: meant(trouble::write_eject(self.eject.as_ref())),
            retries: meant(trouble::write_retry(&self.retry)),
            limits: meant(self.load.into()),
            breaker: meant(trouble::write_breaker(self.breaker.as_ref())),
            timeouts: meant(self.timeouts.into()),
            failover: meant(List(self.failover.iter().filter_map(named).collect())),
        }
    }
}

/// The clusters to fail over to. An exchange follows the list of the cluster that it was sent to and no other, so two
/// clusters may stand in for each other without going round in a circle.
fn failover(
    cluster: &str,
    raw: Field<List<Name>>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Vec<ClusterId>> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut resolve = |At { value: name, span }: At<Name>| {
        if name.0 == cluster {
            problems.push(span, Problem::FailoverToItself { cluster: name.0 });
            return None;
        }
        if let Some(first) = seen.insert(name.0.clone(), span) {
            let problem = Problem::Repeated { what: "the cluster", item: name.0, remedy: "once is enough" };
            problems.again(span, problem, first);
            return None;
        }
        known.clusters.find(&name, span, problems).map(ClusterId)
    };
    let resolved: Vec<Option<ClusterId>> = raw?.value.0.into_iter().map(&mut resolve).collect();
    resolved.into_iter().collect()
}

type RawEndpoint = OneOf<Address, raw::Endpoint>;

fn endpoints_of(raw: List<RawEndpoint, 1>, problems: &mut Problems) -> Option<Vec<Endpoint>> {
    let mut seen: HashMap<Address, Span> = HashMap::new();
    let resolve = |At { value, span }: At<RawEndpoint>| {
        let (address, weight) = match value {
            OneOf::Short(address) => (address, 1),
            OneOf::Full(raw) => (raw.address?.value, raw.weight?.value.0),
        };
        match seen.insert(address.clone(), span) {
            None => Some(Endpoint { address, weight }),
            Some(first) => {
                let remedy = "list it once, with a larger weight";
                let problem = Problem::Repeated { what: "the endpoint", item: address.to_string(), remedy };
                problems.again(span, problem, first);
                None
            }
        }
    };
    raw.0.into_iter().map(resolve).collect()
}

impl Timeouts {
    fn resolve(raw: &raw::Times) -> Option<Self> {
        Some(Self {
            connect: raw.connect.as_ref()?.value.0,
            tls: raw.tls.as_ref()?.value.0,
            first_byte: raw.first_byte.as_ref()?.value.as_ref().map(|timeout| timeout.0),
            read: raw.read.as_ref()?.value.0,
            write: raw.write.as_ref()?.value.0,
            idle: raw.idle.as_ref()?.value.0,
            total: raw.total.as_ref()?.value.as_ref().map(|timeout| timeout.0),
        })
    }
}

impl From<Timeouts> for raw::Times {
    fn from(timeouts: Timeouts) -> Self {
        Self {
            connect: meant(Timeout(timeouts.connect)),
            tls: meant(Timeout(timeouts.tls)),
            first_byte: meant(timeouts.first_byte.map(Timeout)),
            read: meant(Timeout(timeouts.read)),
            write: meant(Timeout(timeouts.write)),
            idle: meant(Timeout(timeouts.idle)),
            total: meant(timeouts.total.map(Timeout)),
        }
    }
}

/// [`ProxyHeader`], as written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProxyWord {
    Off,
    V1,
    V2,
}

impl From<ProxyWord> for Option<ProxyHeader> {
    fn from(word: ProxyWord) -> Self {
        match word {
            ProxyWord::Off => None,
            ProxyWord::V1 => Some(ProxyHeader::V1),
            ProxyWord::V2 => Some(ProxyHeader::V2),
        }
    }
}

impl From<Option<ProxyHeader>> for ProxyWord {
    fn from(header: Option<ProxyHeader>) -> Self {
        match header {
            None => Self::Off,
            Some(ProxyHeader::V1) => Self::V1,
            Some(ProxyHeader::V2) => Self::V2,
        }
    }
}

texts! {
    Address = "an endpoint's address" like "10.0.1.4:80";
}

words! {
    Spoken = "`http1`, `http2` or `auto`" {
        "http1" => Spoken::Http1, "http2" => Spoken::Http2, "auto" => Spoken::Auto,
    }
    ProxyWord = "`off`, `v1` or `v2`" { "off" => ProxyWord::Off, "v1" => ProxyWord::V1, "v2" => ProxyWord::V2 }
}
