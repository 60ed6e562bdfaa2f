//! Whom the endpoints of a cluster must be signed by, and who we are to them: read from files, once for each generation.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use edgeloom_config::{ClientCertificate, Spoken, UpstreamTls};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::peer::At;
use super::tls::{Anybody, alpn};
use crate::limits::UPSTREAM_SESSIONS_MAX;

/// What TLS with the endpoints of a cluster is made of.
#[derive(Clone)]
pub(crate) struct Credentials(Arc<Inner>);

struct Inner {
    /// Whom we believe, and what we show.
    config: ClientConfig,
    /// The same for each endpoint, with the sessions that it remembers: no endpoint of another cluster hears of them,
    /// unless the very same is believed of it and shown to it.
    of_endpoints: Mutex<HashMap<(At, Spoken), Weak<ClientConfig>>>,
    /// Of what was read: connections are shared between those for whom it is the same.
    digest: [u8; 32],
}

/// Why endpoints could not be told from anybody else.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("{} can not be read", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is not PEM, from its {at} on", .file.display())]
    NotPem { file: PathBuf, at: Ordinal, source: pem::Error },
    #[error("{} has no certificate in it (PEM, `-----BEGIN CERTIFICATE-----`)", .0.display())]
    NoCertificate(PathBuf),
    #[error("the {at} certificate of {} is malformed", .file.display())]
    MalformedCertificate { file: PathBuf, at: Ordinal },
    #[error("{} has no private key in it that can be used (PEM, unencrypted PKCS #8, PKCS #1 or SEC 1)", .0.display())]
    NoKey(PathBuf),
    #[error("the key in {} is not that of the certificate in {}", .key.display(), .chain.display())]
    OtherKey { chain: PathBuf, key: PathBuf },
    #[error(
        "the system trusts nobody: no root certificates were found; install them (`ca-certificates`), or name those who may sign by `ca`"
    )]
    NoRoots,
    #[error("TLS can not be spoken with it")]
    Unusable(#[source] rustls::Error),
}

/// "first", "second", and so on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ordinal(usize);

impl Credentials {
    /// # Errors
    ///
    /// Where a file can not be used, or the system's roots are wanted and there are none.
    pub(crate) fn load(tls: &UpstreamTls) -> Result<Self, CredentialsError> {
        let ca = match (&tls.ca, tls.verify) {
            (Some(file), _) => certificates(file)?,
            (None, true) => system_roots()?,
            (None, false) => Vec::new(),
        };
        let client = tls.client.as_ref().map(identity).transpose()?;
        let mut sum = Sha256::new();
        sum.update([u8::from(tls.verify)]);
        let chain = client.as_ref().map_or(&[][..], |(key, _)| &key.cert);
        for certificates in [&*ca, chain] {
            sum.update(certificates.len().to_be_bytes());
            certificates.iter().for_each(|certificate| sum.update(Sha256::digest(certificate)));
        }
        // A renewed certificate may keep its key; a key never changes alone.
        sum.update(client.as_ref().map(|(_, key)| *key).unwrap_or_default());
        Ok(Self(Arc::new(Inner {
            config: config(ca, client.map(|(key, _)| key), tls.verify)?,
            of_endpoints: Mutex::default(),
            digest: sum.finalize().into(),
        })))
    }

    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// What TLS with an endpoint is made of, for as long as somebody has it.
    pub(super) fn of_endpoint(&self, at: &At, spoken: Spoken) -> Arc<ClientConfig> {
        let mut of_endpoints = self.0.of_endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (at.clone(), spoken);
        if let Some(known) = of_endpoints.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let mut config = self.0.config.clone();
        config.alpn_protocols = alpn(spoken);
        config.resumption = Resumption::in_memory_sessions(UPSTREAM_SESSIONS_MAX);
        let config = Arc::new(config);
        of_endpoints.retain(|_, config| config.strong_count() > 0);
        of_endpoints.insert(key, Arc::downgrade(&config));
        config
    }
}

fn config(
    ca: Vec<CertificateDer<'static>>,
    client: Option<CertifiedKey>,
    verify: bool,
) -> Result<ClientConfig, CredentialsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(CredentialsError::Unusable)?;
    let builder = if verify {
        let mut roots = RootCertStore::empty();
        // Each of them has been looked at.
        roots.add_parsable_certificates(ca);
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    };
    Ok(match client {
        None => builder.with_no_client_auth(),
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
    })
}

/// The certificates of a file, each of which can be trusted or shown: nothing later may find one that can not be parsed.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let pem = read(file)?;
    let mut certificates = Vec::new();
    for (n, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let (file, at) = (file.to_owned(), Ordinal(n));
        match certificate {
            Ok(certificate) if is_usable(&certificate) => certificates.push(certificate),
            Ok(_) => return Err(CredentialsError::MalformedCertificate { file, at }),
            Err(source) => return Err(CredentialsError::NotPem { file, at, source }),
        }
    }
    if certificates.is_empty() {
        Err(CredentialsError::NoCertificate(file.to_owned()))
    } else {
        Ok(certificates)
    }
}

/// Whether it is a certificate, and one that can be believed.
fn is_usable(certificate: &CertificateDer<'_>) -> bool {
    let whole = X509Certificate::from_der(certificate).is_ok_and(|(rest, _)| rest.is_empty());
    whole && RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// A certificate with its chain, and the digest of its key.
type Identity = (CertifiedKey, [u8; 32]);

fn identity(client: &ClientCertificate) -> Result<Identity, CredentialsError> {
    let chain = certificates(&client.chain)?;
    let no_key = || CredentialsError::NoKey(client.key.clone());
    let key = PrivateKeyDer::from_pem_slice(&read(&client.key)?).map_err(|_no_pem| no_key())?;
    let other = || CredentialsError::OtherKey { chain: client.chain.clone(), key: client.key.clone() };
    let signing = ring::sign::any_supported_type(&key).map_err(|_unsupported| no_key())?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|_mismatch| other())?;
    Ok((certified, Sha256::digest(key.secret_der()).into()))
}

/// Whom the system trusts, but for what can not be used.
fn system_roots() -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let roots = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = roots.unwrap_or_default().into_iter().filter(is_usable).collect();
    if roots.is_empty() { Err(CredentialsError::NoRoots) } else { Ok(roots) }
}

fn read(file: &Path) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(file).map_err(|source| CredentialsError::Unreadable { file: file.to_owned(), source })
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("first"),
            1 => f.write_str("second"),
            2 => f.write_str("third"),
            n => write!(f, "{}th", n + 1),
        }
    }
}
