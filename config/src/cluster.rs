//! Who answers.

use std::collections::HashMap;
use std::time::Duration;

use edgeloom_core::address::Address;
use edgeloom_core::cluster::Endpoint;

use crate::limits::{Retries, Timeout, Weight};
use crate::problem::{Problem, Problems};
use crate::raw;
use crate::tree::{At, Span};
use crate::written::{List, OneOf, meant, texts};

/// A named group of servers.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    pub name: String,
    /// At least one, no address twice.
    pub endpoints: Vec<Endpoint>,
    pub timeouts: Timeouts,
    /// Further tries at other endpoints after one could not be connected to.
    pub retries: u8,
}

/// How long an endpoint may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To accept a connection.
    pub connect: Duration,
    /// Between two reads from it.
    pub read: Duration,
    /// To take what is written to it.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// An endpoint in the same network connects in milliseconds, so a second
    /// means that it is gone; a page may take long to make; most origins close
    /// idle connections after 60 to 75 seconds, and ours should be closed first.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

impl Cluster {
    pub(crate) fn resolve(name: String, raw: raw::Cluster, problems: &mut Problems) -> Option<Self> {
        let endpoints = raw.endpoints.and_then(|endpoints| endpoints_of(endpoints.value, problems));
        Some(Self {
            name,
            endpoints: endpoints?,
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
            read: meant(Timeout(timeouts.read)),
            write: meant(Timeout(timeouts.write)),
            idle: meant(Timeout(timeouts.idle)),
        }
    }
}

texts! {
    Address = "an endpoint's address" like "10.0.1.4:80";
}
