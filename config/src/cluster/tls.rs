//! How endpoints are spoken to in secret.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use edgeloom_core::address::{Address, is_name};
use edgeloom_core::cluster::Endpoint;

use crate::module::FilePath;
use crate::problem::{Problem, Problems};
use crate::tree::At;
use crate::written::{meant, section, texts};

/// TLS to the endpoints of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// What their certificates must be for, and what they are asked for; else each endpoint's own name.
    pub name: Option<String>,
    /// Who must have signed them; else whom the system trusts.
    pub ca: Option<PathBuf>,
    /// Who we are.
    pub client: Option<ClientCertificate>,
    /// Off: anybody may answer.
    pub verify: bool,
}

/// The files of a certificate that we show, and of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

section! {
    /// TLS to the endpoints of a cluster. `{}` is enough where they are named and their certificates are signed by somebody whom the system trusts.
    ClusterTls = "a cluster's `tls`" {
        /// The name that certificates must be for, and that endpoints are asked for (SNI): a host's name or an IP address. By default each endpoint's own name; those that are an IP address or a socket have none, so that it must be given.
        name: Option<TlsName> = None,
        /// The file of the certificates (PEM) by which an endpoint's must be signed. By default whom the system trusts.
        ca: Option<FilePath> = None,
        /// The file of the certificate (PEM, with its chain) that is shown to endpoints that ask for one. Needs `key`.
        certificate: Option<FilePath> = None,
        /// The file of that certificate's private key (PEM).
        key: Option<FilePath> = None,
        /// Whether certificates are verified. Without that, whoever is in between can read and change everything.
        verify: bool = true,
    }
}

impl UpstreamTls {
    pub(super) fn resolve(
        raw: At<ClusterTls>,
        endpoints: &[Endpoint],
        folder: &Path,
        problems: &mut Problems,
    ) -> Option<Self> {
        let At { value: raw, span } = raw;
        let (name, ca, verify) = (raw.name?, raw.ca?, raw.verify?);
        let client = match (raw.certificate?, raw.key?) {
            (At { value: Some(FilePath(chain)), .. }, At { value: Some(FilePath(key)), .. }) => {
                Some(ClientCertificate { chain: folder.join(chain), key: folder.join(key) })
            }
            (At { value: None, .. }, At { value: None, .. }) => None,
            (At { value: Some(_), span }, _) => {
                problems.push(span, Problem::Alone { field: "certificate", other: "key" });
                None
            }
            (_, At { span, .. }) => {
                problems.push(span, Problem::Alone { field: "key", other: "certificate" });
                None
            }
        };
        if !verify.value && ca.value.is_some() {
            problems.push(ca.span, Problem::NothingToVerify);
        }
        let nameless = endpoints.iter().find(|endpoint| endpoint.address.name().is_none());
        if let (Some(nameless), None, true) = (nameless, &name.value, verify.value) {
            problems.push(span, Problem::NoTlsName { endpoint: nameless.address.to_string() });
        }
        Some(Self {
            name: name.value.map(|name| name.0),
            ca: ca.value.map(|ca| folder.join(ca.0)),
            client,
            verify: verify.value,
        })
    }

    pub(super) fn write(&self) -> ClusterTls {
        let file = |path: &PathBuf| FilePath(path.clone());
        ClusterTls {
            name: meant(self.name.clone().map(TlsName)),
            ca: meant(self.ca.as_ref().map(file)),
            certificate: meant(self.client.as_ref().map(|client| file(&client.chain))),
            key: meant(self.client.as_ref().map(|client| file(&client.key))),
            verify: meant(self.verify),
        }
    }

    /// What the certificate of this endpoint must be for.
    pub fn name_of(&self, endpoint: &Address) -> String {
        match (&self.name, endpoint) {
            (Some(name), _) => name.clone(),
            (None, Address::Name(name, _)) => name.to_string(),
            // Only where nothing is verified; an IP address is not sent as a name.
            (None, Address::Ip(address)) => address.ip().to_string(),
            (None, Address::Unix(_)) => "localhost".to_owned(),
        }
    }

    /// Every file that is read for it.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.ca.iter().chain(self.client.iter().flat_map(|client| [&client.chain, &client.key]))
    }
}

/// A name that a certificate can be for.
#[derive(Debug, Clone)]
pub(crate) struct TlsName(String);

/// A text that no certificate can be for.
#[derive(Debug, thiserror::Error)]
#[error("a host's name or an IP address, without port, such as `shop.example`")]
pub(crate) struct NotAName;

impl FromStr for TlsName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_name(&name) || name.parse::<IpAddr>().is_ok() { Ok(Self(name)) } else { Err(NotAName) }
    }
}

impl fmt::Display for TlsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    TlsName = "a certificate's name" like "shop.example";
}
