//! Whom the endpoints of a cluster must be signed by, and who we are to them: read from files, once for each generation.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgeloom_config::{ClientCertificate, UpstreamTls};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// What Pingora is given to open TLS with.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(super) ca: Arc<[WrappedX509]>,
    pub(super) client: Option<Arc<CertKey>>,
    pub(super) verify: bool,
    /// Of everything above: connections are shared between those for whom it is the same.
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
            // Pingora makes a verifier even where it is not asked.
            (None, false) => vec![CertificateDer::from_slice(NOBODY)],
        };
        let client = tls.client.as_ref().map(identity).transpose()?;
        let mut sum = Sha256::new();
        sum.update([u8::from(tls.verify)]);
        let (chain, key) = client.as_ref().map_or((&[][..], &[][..]), |(chain, key)| (chain, key));
        for certificates in [&*ca, chain] {
            sum.update(certificates.len().to_be_bytes());
            certificates.iter().for_each(|certificate| sum.update(Sha256::digest(certificate)));
        }
        // A renewed certificate may keep its key; a key never changes alone.
        sum.update(Sha256::digest(key));
        Ok(Self {
            ca: ca.into_iter().map(|root| WrappedX509::new(root.to_vec(), parse_x509)).collect(),
            client: client.map(|(chain, key)| {
                let chain = chain.into_iter().map(|certificate| certificate.to_vec());
                Arc::new(CertKey::new(chain.collect(), key))
            }),
            verify: tls.verify,
            digest: sum.finalize().into(),
        })
    }

    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
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

/// Whether both parsers that will see it can read it: Pingora takes that for granted.
fn is_usable(certificate: &CertificateDer<'_>) -> bool {
    let whole = X509Certificate::from_der(certificate).is_ok_and(|(rest, _)| rest.is_empty());
    whole && RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// A certificate with its chain, and its key in DER.
type Identity = (Vec<CertificateDer<'static>>, Vec<u8>);

fn identity(client: &ClientCertificate) -> Result<Identity, CredentialsError> {
    let chain = certificates(&client.chain)?;
    let no_key = || CredentialsError::NoKey(client.key.clone());
    let key = PrivateKeyDer::from_pem_slice(&read(&client.key)?).map_err(|_no_pem| no_key())?;
    let other = || CredentialsError::OtherKey { chain: client.chain.clone(), key: client.key.clone() };
    let signing = ring::sign::any_supported_type(&key).map_err(|_unsupported| no_key())?;
    CertifiedKey::new(chain.clone(), signing).keys_match().map_err(|_mismatch| other())?;
    let der = key.secret_der().to_vec();
    // Pingora guesses from the bytes what kind of key it is.
    PrivateKeyDer::try_from(der.clone()).map_err(|_unknown| no_key())?;
    Ok((chain, der))
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

/// The certificate of a CA whose key was thrown away: where nothing is verified, nobody is trusted.
const NOBODY: &[u8] = include_bytes!("nobody.der");
