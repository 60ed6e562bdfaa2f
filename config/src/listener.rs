//! Where requests come in.

pub(crate) mod forwarding; // what is said of who asks
mod socket; // where it is bound, and how
mod tls; // what is shown to them

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;

use edgeloom_core::client::ForwardingHeader;
use edgeloom_core::forward::Forwarding;
use ipnet::IpNet;

use crate::problem::{Problem, Problems};
use crate::raw;
use crate::tree::At;
use crate::written::{List, meant, texts, words};

pub(crate) use socket::RawSocket;
pub use socket::{Bind, Socket};
pub use tls::{CertificateFiles, ClientCertificates, Clients, Misdirected, Tls, TlsVersion, UnknownName};
pub(crate) use tls::{RawCertificate, RawClients, RawTls};

/// An address that the edge accepts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub bind: Bind,
    /// Whether HTTP/2 by prior knowledge is spoken.
    pub h2c: bool,
    /// In the clear if there is none.
    pub tls: Option<Tls>,
    /// The networks of proxies whose forwarding header is believed.
    pub trust: Vec<IpNet>,
    pub forwarded: ForwardingHeader,
    /// What is said of the client to whoever answers.
    pub forwarding: Forwarding,
    /// Whether clients in cleartext are sent to TLS.
    pub to_https: bool,
    pub proxy_protocol: ProxyProtocol,
    pub socket: Socket,
}

/// In which form those who are trusted announce whom they speak for, before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    Off,
    V1,
    V2,
    Any,
}

impl Listener {
    pub(crate) fn resolve(raw: &raw::Listener, folder: &Path, problems: &mut Problems) -> Option<Self> {
        if let (Some(protocol), Some(trust)) = (&raw.proxy_protocol, &raw.trust)
            && protocol.value != ProxyProtocol::Off
            && trust.value.0.is_empty()
        {
            problems.push(protocol.span, Problem::NobodyTrusted);
        }
        Some(Self {
            bind: raw.bind.as_ref()?.value.clone().within(folder),
            h2c: raw.h2c.as_ref()?.value,
            tls: match &raw.tls.as_ref()?.value {
                None => None,
                Some(raw) => Some(Tls::resolve(raw, folder)?),
            },
            trust: raw.trust.as_ref()?.value.0.iter().map(|network| network.value.0).collect(),
            forwarded: raw.forwarded.as_ref()?.value,
            forwarding: raw.forwarding.as_ref()?.value.resolve()?,
            to_https: raw.to_https.as_ref()?.value,
            proxy_protocol: raw.proxy_protocol.as_ref()?.value,
            socket: Socket::resolve(&raw.socket.as_ref()?.value)?,
        })
    }

    pub(crate) fn write(&self) -> raw::Listener {
        let network = |network: &IpNet| At::unwritten(Network(*network));
        raw::Listener {
            bind: meant(self.bind.clone()),
            h2c: meant(self.h2c),
            tls: meant(self.tls.as_ref().map(Tls::write)),
            trust: meant(List(self.trust.iter().map(network).collect())),
            forwarded: meant(self.forwarded),
            forwarding: meant(self.forwarding.into()),
            to_https: meant(self.to_https),
            proxy_protocol: meant(self.proxy_protocol),
            socket: meant(self.socket.into()),
        }
    }
}

/// A network, or a single address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network(pub(crate) IpNet);

/// A text that is not a network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotANetwork {
    #[error("an address, or an address and a prefix length, such as `10.0.0.0/8` or `::1`")]
    Malformed,
    #[error("there are bits beyond the prefix: write `{network}` or `{address}`")]
    HostBits { network: IpNet, address: IpAddr },
    #[error("clients are never seen as IPv6 forms of IPv4 addresses: write `{0}`, and IPv4 networks as such")]
    Mapped(IpAddr),
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let single = |_| text.parse::<IpAddr>().map(IpNet::from);
        let network =
            text.parse::<IpNet>().or_else(single).map_err(|_not_an_address| NotANetwork::Malformed)?;
        let (address, canonical) = (network.addr(), network.addr().to_canonical());
        if address != canonical {
            Err(NotANetwork::Mapped(canonical))
        } else if network != network.trunc() {
            Err(NotANetwork::HostBits { network: network.trunc(), address })
        } else {
            Ok(Self(network))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

texts! {
    SocketAddr = "an address and port" like "127.0.0.1:8080"
        or "an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`";
    Network = "a network" like "10.0.0.0/8";
}

words! {
    ForwardingHeader = "`x-forwarded-for` or `forwarded`" {
        "x-forwarded-for" => ForwardingHeader::XForwardedFor,
        "forwarded" => ForwardingHeader::Forwarded,
    }
    ProxyProtocol = "`off`, `v1`, `v2` or `any`" {
        "off" => ProxyProtocol::Off,
        "v1" => ProxyProtocol::V1,
        "v2" => ProxyProtocol::V2,
        "any" => ProxyProtocol::Any,
    }
}
