//! What a listener that speaks TLS shows, and what it asks of its clients.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::module::FilePath;
use crate::tree::At;
use crate::written::{Leaf, List, meant, section, words};

/// How a listener speaks TLS. None of the files was opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// At least one; the first is shown where no other is asked for.
    pub certificates: Vec<CertificateFiles>,
    pub min_version: TlsVersion,
    /// Whether HTTP/2 is agreed on with clients that ask for it.
    pub http2: bool,
    /// What clients have to show of themselves, if anything.
    pub clients: Option<Clients>,
    pub unknown_name: UnknownName,
    pub misdirected: Misdirected,
}

/// Where a certificate lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
    pub ocsp: Option<PathBuf>,
}

/// Whose certificates clients may show, and whether they must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    pub ca: PathBuf,
    pub certificates: ClientCertificates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    Required,
    Optional,
}

/// What is done with a client that asks for a name that no certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownName {
    Default,
    Refuse,
}

/// What is done with a request for a host that the certificate of its connection is not for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdirected {
    Serve,
    Refuse,
}

section! {
    /// TLS on a listener. All of it changes with the configuration and with the files, while the edge runs: a handshake takes what is there when it begins.
    RawTls = "`tls`" {
        /// The certificates. Which one a client is shown follows from the name that it asks for (SNI) and the names in the certificates; the first is for clients that ask for none, or for one that is in no certificate. Of several for a name, clients that can are shown ECDSA rather than RSA.
        certificates: List<RawCertificate, 1>,
        /// The oldest version that is spoken: `1.2` or `1.3`.
        min_version: TlsVersion = TlsVersion::Tls12,
        /// Whether HTTP/2 is spoken with clients that ask for it, as browsers do.
        http2: bool = true,
        /// What clients show of themselves (mTLS). By default they are not asked.
        clients: Option<RawClients> = None,
        /// A client that asks for a name that is in no certificate: `default` shows it the first certificate, `refuse` ends the handshake. A client that names nobody is refused, too, unless the address that it came to is in a certificate.
        unknown_name: UnknownName = UnknownName::Default,
        /// A request for a host that is not in the certificate of its connection: `serve`, or `refuse` with 421, after which browsers ask again on a connection of its own (RFC 9110 section 15.5.20).
        misdirected: Misdirected = Misdirected::Serve,
    }
}

section! {
    /// A certificate and its key, in PEM. The files are watched: write the new ones over the old, in any order.
    RawCertificate = "a certificate" {
        /// The certificate, followed by those between it and the root: `fullchain.pem`.
        chain: FilePath,
        /// Its private key, without a passphrase.
        key: FilePath,
        /// An OCSP response in DER that says that it was not revoked, handed on to clients. Fetching it anew is up to you.
        ocsp: Option<FilePath> = None,
    }
}

section! {
    /// What clients show of themselves. What they showed is in the access log, and filters that are granted `tls` can ask for it.
    RawClients = "`clients`" {
        /// The certificates, in PEM, of the authorities whose clients are believed.
        ca: FilePath,
        /// `required`: without a certificate there is no connection. `optional`: a client may show none, but none that is not believed.
        certificates: ClientCertificates = ClientCertificates::Required,
    }
}

impl Tls {
    pub(super) fn resolve(raw: &RawTls, folder: &Path) -> Option<Self> {
        let certificate = |raw: &At<RawCertificate>| {
            let raw = &raw.value;
            Some(CertificateFiles {
                chain: folder.join(&raw.chain.as_ref()?.value.0),
                key: folder.join(&raw.key.as_ref()?.value.0),
                ocsp: raw.ocsp.as_ref()?.value.as_ref().map(|ocsp| folder.join(&ocsp.0)),
            })
        };
        let clients = |raw: &RawClients| {
            Some(Clients {
                ca: folder.join(&raw.ca.as_ref()?.value.0),
                certificates: raw.certificates.as_ref()?.value,
            })
        };
        Some(Self {
            certificates: raw
                .certificates
                .as_ref()?
                .value
                .0
                .iter()
                .map(certificate)
                .collect::<Option<_>>()?,
            min_version: raw.min_version.as_ref()?.value,
            http2: raw.http2.as_ref()?.value,
            clients: match &raw.clients.as_ref()?.value {
                None => None,
                Some(raw) => Some(clients(raw)?),
            },
            unknown_name: raw.unknown_name.as_ref()?.value,
            misdirected: raw.misdirected.as_ref()?.value,
        })
    }

    pub(super) fn write(&self) -> RawTls {
        let path = |path: &PathBuf| FilePath(path.clone());
        let certificate = |files: &CertificateFiles| {
            At::unwritten(RawCertificate {
                chain: meant(path(&files.chain)),
                key: meant(path(&files.key)),
                ocsp: meant(files.ocsp.as_ref().map(path)),
            })
        };
        let clients = |clients: &Clients| RawClients {
            ca: meant(path(&clients.ca)),
            certificates: meant(clients.certificates),
        };
        RawTls {
            certificates: meant(List(self.certificates.iter().map(certificate).collect())),
            min_version: meant(self.min_version),
            http2: meant(self.http2),
            clients: meant(self.clients.as_ref().map(clients)),
            unknown_name: meant(self.unknown_name),
            misdirected: meant(self.misdirected),
        }
    }

    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let certificates = self.certificates.iter().flat_map(CertificateFiles::each);
        certificates.chain(self.clients.as_ref().map(|clients| &clients.ca))
    }
}

impl CertificateFiles {
    fn each(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.chain, &self.key].into_iter().chain(&self.ocsp)
    }
}

impl Leaf for TlsVersion {
    const NAME: &'static str = "`1.2` or `1.3`";
    const EXAMPLE: &'static str = "1.3";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err("write `1.2` or `1.3`: older versions are broken, and no longer spoken".to_owned()),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::Tls12 => "1.2".into(),
            Self::Tls13 => "1.3".into(),
        }
    }

    /// Without quotes it is a number to an editor.
    fn schema() -> Value {
        json!({ "enum": ["1.2", "1.3", 1.2, 1.3] })
    }

    fn what() -> String {
        Self::NAME.to_owned()
    }
}

words! {
    ClientCertificates = "`required` or `optional`" {
        "required" => ClientCertificates::Required,
        "optional" => ClientCertificates::Optional,
    }
    UnknownName = "`default` or `refuse`" {
        "default" => UnknownName::Default,
        "refuse" => UnknownName::Refuse,
    }
    Misdirected = "`serve` or `refuse`" {
        "serve" => Misdirected::Serve,
        "refuse" => Misdirected::Refuse,
    }
}
