//! Certificates for tests: an authority that nobody knows, and what it signs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::or_fail;

/// Signs certificates. Whoever is to believe them is given its own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Why a certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("a certificate could not be made")]
    Make(#[from] rcgen::Error),
    #[error("a certificate could not be read")]
    Read(#[from] rustls::pki_types::pem::Error),
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    #[error("clients can not be verified")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

/// What a certificate is to say.
#[derive(Debug, Clone)]
pub struct Order {
    names: Vec<String>,
    subject: String,
    usage: ExtendedKeyUsagePurpose,
    rsa: bool,
    /// Its first and last moment.
    valid: (SystemTime, SystemTime),
}

/// A certificate and the key to it, in PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    pub chain: String,
    pub key: String,
}

/// Where an identity lies.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody knows yet.
    #[expect(clippy::new_without_default, reason = "no two of them are the same")]
    #[track_caller]
    pub fn new() -> Self {
        or_fail(Self::try_new())
    }

    /// # Errors
    ///
    /// Where no key can be made.
    pub fn try_new() -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Edgeloom Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The key that it signs with, for tools that sign other things.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    #[track_caller]
    pub fn issue(&self, order: &Order) -> Identity {
        or_fail(self.try_issue(order))
    }

    /// # Errors
    ///
    /// Where a name is none.
    pub fn try_issue(&self, order: &Order) -> Result<Identity, CertificateError> {
        let key = if order.rsa { KeyPair::from_pem(RSA_KEY)? } else { KeyPair::generate()? };
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            order.names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, order.subject.as_str());
        params.extended_key_usages = vec![order.usage.clone()];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (order.valid.0.into(), order.valid.1.into());
        let certificate = params.signed_by(&key, &self.issuer)?;
        // A chain as authorities hand it out: with what signed it.
        Ok(Identity { chain: certificate.pem() + &self.pem(), key: key.serialize_pem() })
    }

    /// For whoever is to believe what it signs.
    pub(crate) fn roots(&self) -> Result<RootCertStore, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        Ok(roots)
    }
}

impl Order {
    /// For a server of these names or addresses: ECDSA, valid since yesterday and for nearly 90 days more.
    pub fn server(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let subject = names.first().cloned().unwrap_or_default();
        Self::of(names, subject, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a client of this common name.
    pub fn client(subject: &str) -> Self {
        Self::of(Vec::new(), subject.to_owned(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn of(names: Vec<String>, subject: String, usage: ExtendedKeyUsagePurpose) -> Self {
        let now = SystemTime::now();
        Self { names, subject, usage, rsa: false, valid: (now - DAY, now + 90 * DAY - HOUR) }
    }

    /// With an RSA key of 2048 bits: always the same, because making one takes long.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.rsa = true;
        self
    }

    /// These too: names of servers, addresses, mail addresses or URIs.
    #[must_use]
    pub fn also(mut self, names: &[&str]) -> Self {
        self.names.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Valid for so long from now on.
    #[must_use]
    pub fn ending_in(mut self, left: Duration) -> Self {
        self.valid.1 = SystemTime::now() + left;
        self
    }

    /// No longer valid, since so long.
    #[must_use]
    pub fn ended(mut self, since: Duration) -> Self {
        let end = SystemTime::now() - since;
        self.valid = (end - 90 * DAY, end);
        self
    }

    /// Not valid before so long from now.
    #[must_use]
    pub fn beginning_in(mut self, wait: Duration) -> Self {
        self.valid.0 = SystemTime::now() + wait;
        self
    }
}

impl Identity {
    /// Writes `NAME.pem` and `NAME.key` into this folder, each in place of an old one.
    #[track_caller]
    pub fn write(&self, folder: &Path, name: &str) -> IdentityFiles {
        or_fail(self.try_write(folder, name))
    }

    /// # Errors
    ///
    /// Where the folder can not be written to.
    pub fn try_write(&self, folder: &Path, name: &str) -> io::Result<IdentityFiles> {
        let files = IdentityFiles {
            chain: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        crate::replace(&files.key, self.key.as_bytes())?;
        crate::replace(&files.chain, self.chain.as_bytes())?;
        Ok(files)
    }

    /// Its own certificate, as it is sent.
    #[track_caller]
    pub fn der(&self) -> CertificateDer<'static> {
        or_fail(CertificateDer::from_pem_slice(self.chain.as_bytes()))
    }

    pub(crate) fn parts(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect::<Result<_, _>>()?;
        Ok((chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes())?))
    }
}

/// A name as certificates tell them apart.
fn alternative(name: &str) -> Result<SanType, rcgen::Error> {
    Ok(match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains("://") => SanType::URI(name.try_into()?),
        Err(_) if name.contains('@') => SanType::Rfc822Name(name.try_into()?),
        Err(_) => SanType::DnsName(name.try_into()?),
    })
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Of tests alone. *ring* makes no RSA keys, and it takes `openssl` a second.
const RSA_KEY: &str = include_str!("certificates/rsa.pem");
