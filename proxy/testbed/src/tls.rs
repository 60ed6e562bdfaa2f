//! How a client and an origin of ours speak TLS.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, CommonState, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig,
    SupportedProtocolVersion,
};

use crate::certificates::{Authority, CertificateError, Identity};
use crate::client::or_fail;

/// How a client speaks TLS. Those that are made of the same know the same sessions, and resume them.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: Option<String>,
    roots: RootCertStore,
    identity: Option<Identity>,
    protocols: Vec<Vec<u8>>,
    versions: Versions,
}

/// Which versions of TLS are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    Both,
    Only12,
    Only13,
}

/// What a handshake came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    pub version: ProtocolVersion,
    /// An earlier session went on.
    pub resumed: bool,
    /// What both agreed on by ALPN.
    pub protocol: Option<String>,
    /// What the other side showed of itself, its own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The name that the client asked for.
    pub name: Option<String>,
}

impl Tls {
    /// Believes this authority, asks for HTTP/1.1, and speaks every version.
    #[track_caller]
    pub fn believing(authority: &Authority) -> Self {
        let plain = Self {
            config: or_fail(bare()),
            name: None,
            roots: or_fail(authority.roots()),
            identity: None,
            protocols: vec![b"http/1.1".to_vec()],
            versions: Versions::Both,
        };
        plain.made()
    }

    /// Asks for this name, or address, instead of the address that is connected to.
    #[must_use]
    pub fn naming(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Asks for these protocols by ALPN, best first; for none it does not ask.
    #[must_use]
    #[track_caller]
    pub fn speaking(mut self, protocols: &[&str]) -> Self {
        self.protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self.made()
    }

    /// Asks for HTTP/2, and would take HTTP/1.1.
    #[must_use]
    #[track_caller]
    pub fn http2(self) -> Self {
        self.speaking(&["h2", "http/1.1"])
    }

    #[must_use]
    #[track_caller]
    pub fn versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self.made()
    }

    /// Shows this certificate, if asked for one.
    #[must_use]
    #[track_caller]
    pub fn showing(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self.made()
    }

    /// The same without any session of before.
    #[must_use]
    #[track_caller]
    pub fn forgetful(self) -> Self {
        self.made()
    }

    #[track_caller]
    fn made(mut self) -> Self {
        self.config = or_fail(self.config());
        self
    }

    fn config(&self) -> Result<Arc<ClientConfig>, CertificateError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&self.versions.list())?
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.parts()?;
                builder.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(Arc::new(config))
    }

    /// The name that is asked for at this address.
    pub(crate) fn server(&self, address: std::net::SocketAddr) -> Option<ServerName<'static>> {
        match &self.name {
            Some(name) => ServerName::try_from(name.clone()).ok(),
            None => Some(ServerName::from(address.ip())),
        }
    }
}

/// Believes nobody: stands where there will be another.
fn bare() -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
}

impl Versions {
    fn list(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::Both => vec![&TLS13, &TLS12],
            Self::Only12 => vec![&TLS12],
            Self::Only13 => vec![&TLS13],
        }
    }
}

/// How an origin speaks TLS.
#[derive(Debug, Clone)]
pub struct OriginTls {
    identity: Identity,
    clients: Option<RootCertStore>,
    protocols: Vec<Vec<u8>>,
    versions: Versions,
}

impl OriginTls {
    /// Shows this certificate to anybody, and speaks HTTP/2 and HTTP/1.1.
    pub fn showing(identity: &Identity) -> Self {
        let protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { identity: identity.clone(), clients: None, protocols, versions: Versions::Both }
    }

    /// Wants to see a certificate of this authority's from everybody.
    #[must_use]
    #[track_caller]
    pub fn demanding(mut self, authority: &Authority) -> Self {
        self.clients = Some(or_fail(authority.roots()));
        self
    }

    /// Agrees to these protocols by ALPN, best first.
    #[must_use]
    pub fn speaking(mut self, protocols: &[&str]) -> Self {
        self.protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    #[must_use]
    pub fn versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    pub(crate) fn config(&self) -> Result<ServerConfig, CertificateError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(&self.versions.list())?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider());
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let (chain, key) = self.identity.parts()?;
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

impl Handshake {
    pub(crate) fn of_client(connection: &ClientConnection, name: Option<String>) -> Self {
        Self::of(connection, name)
    }

    pub(crate) fn of_server(connection: &rustls::ServerConnection) -> Self {
        Self::of(connection, connection.server_name().map(str::to_owned))
    }

    fn of(state: &CommonState, name: Option<String>) -> Self {
        Self {
            version: state.protocol_version().unwrap_or(ProtocolVersion::Unknown(0)),
            resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
            protocol: state.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            chain: state.peer_certificates().map(<[_]>::to_vec).unwrap_or_default(),
            name,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

#[cfg(test)]
mod tests;
