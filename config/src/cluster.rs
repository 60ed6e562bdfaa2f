//! Who answers, and how they are spoken to.

pub(crate) mod tls; // in secret

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use edgeloom_core::address::Address;
use edgeloom_core::cluster::Endpoint;

use crate::limits::{Retries, Timeout, Weight};
use crate::problem::{Problem, Problems};
use crate::raw;
use crate::tree::{At, Span};
use crate::written::{List, OneOf, meant, texts, words};

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
    pub timeouts: Timeouts,
    /// Further tries at other endpoints after one could not be connected to.
    pub retries: u8,
}

/// What endpoints speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Between two reads from it.
    pub read: Duration,
    /// To take what is written to it.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// An endpoint in the same network connects in milliseconds, so a second
    /// means that it is gone; a handshake takes two round trips and a signature; a page may take long to make; most origins close
    /// idle connections after 60 to 75 seconds, and ours should be closed first.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            tls: Duration::from_secs(2),
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

impl Cluster {
    pub(crate) fn resolve(
        name: String,
        raw: raw::Cluster,
        folder: &Path,
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
        Some(Self {
            name,
            endpoints: endpoints?,
            protocol: protocol.value,
            tls: tls?,
            proxy_protocol: raw.proxy_protocol?.value.into(),
            timeouts: Timeouts::resolve(&raw.timeouts?.value)?,
            retries: u8::try_from(raw.retries?.value.0).ok()?,
        })
    }

    pub(crate) fn write(&self) -> raw::Cluster {
        let endpoint = |endpoint: &Endpoint| {
            let address = endpoint.address.clone();
            let full = raw::Endpoint { address: meant(address), weight: meant(Weight(endpoint.weight)) };
            At::unwritten(OneOf::Full(full))
        };
        raw::Cluster {
            endpoints: meant(List(self.endpoints.iter().map(endpoint).collect())),
            protocol: meant(self.protocol),
            tls: meant(self.tls.as_ref().map(tls::UpstreamTls::write)),
            proxy_protocol: meant(self.proxy_protocol.into()),
            timeouts: meant(self.timeouts.into()),
            retries: meant(Retries(self.retries.into())),
        }
    }
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
            read: raw.read.as_ref()?.value.0,
            write: raw.write.as_ref()?.value.0,
            idle: raw.idle.as_ref()?.value.0,
        })
    }
}

impl From<Timeouts> for raw::Times {
    fn from(timeouts: Timeouts) -> Self {
        Self {
            connect: meant(Timeout(timeouts.connect)),
            tls: meant(Timeout(timeouts.tls)),
            read: meant(Timeout(timeouts.read)),
            write: meant(Timeout(timeouts.write)),
            idle: meant(Timeout(timeouts.idle)),
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
