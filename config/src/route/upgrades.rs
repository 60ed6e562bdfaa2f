//! Which other protocols a connection may be switched to.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::limits::Timeout;
use crate::problem::{Problem, Problems};
use crate::raw;
use crate::tree::At;
use crate::written::{List, meant, texts};

/// The protocols that are let through, and how long they may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrades {
    /// Lower case, each once.
    pub protocols: Vec<String>,
    /// How long nothing may pass in either direction.
    pub idle: Duration,
}

impl Default for Upgrades {
    /// A page that is left open says nothing for long, and a peer that is gone
    /// is found by the keepalive of its socket: an hour ends what both have forgotten.
    fn default() -> Self {
        Self { protocols: vec![Protocol::websocket().0], idle: Duration::from_secs(60 * 60) }
    }
}

impl Upgrades {
    pub(super) fn resolve(raw: raw::Upgrades, problems: &mut Problems) -> Option<Self> {
        let mut protocols: Vec<String> = Vec::new();
        let mut spans = Vec::new();
        for At { value: Protocol(protocol), span } in raw.protocols?.value.0 {
            match protocols.iter().position(|known| *known == protocol).and_then(|at| spans.get(at)) {
                Some(first) => {
                    let remedy = "once is enough";
                    let problem = Problem::Repeated { what: "the protocol", item: protocol, remedy };
                    problems.again(span, problem, *first);
                }
                None => {
                    protocols.push(protocol);
                    spans.push(span);
                }
            }
        }
        Some(Self { protocols, idle: raw.idle?.value.0 })
    }

    pub(super) fn write(&self) -> raw::Upgrades {
        let protocols = self.protocols.iter().map(|protocol| At::unwritten(Protocol(protocol.clone())));
        raw::Upgrades { protocols: meant(List(protocols.collect())), idle: meant(Timeout(self.idle)) }
    }
}

impl Default for raw::Upgrades {
    fn default() -> Self {
        Upgrades::default().write()
    }
}

/// The name of a protocol, as in `upgrade`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protocol(String);

/// A text that names no protocol that a tunnel can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAProtocol {
    #[error("the name of a protocol without its version, such as `websocket`")]
    Malformed,
    /// What comes after it would be requests that no filter sees.
    #[error(
        "HTTP is never tunnelled, filters would see nothing of it; clients speak HTTP/2 to the edge itself"
    )]
    Http,
}

impl Protocol {
    pub(crate) fn websocket() -> Self {
        Self("websocket".to_owned())
    }
}

impl FromStr for Protocol {
    type Err = NotAProtocol;

    fn from_str(text: &str) -> Result<Self, NotAProtocol> {
        let name = text.to_ascii_lowercase();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if ["h2c", "h2", "http"].contains(&&*name) {
            return Err(NotAProtocol::Http);
        }
        let well_formed = !name.is_empty() && name.len() <= 64 && name.chars().all(token);
        well_formed.then_some(Self(name)).ok_or(NotAProtocol::Malformed)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    Protocol = "a protocol" like "websocket";
}
