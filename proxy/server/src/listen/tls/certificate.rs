//! A certificate, from the files that it lies in.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgeloom_config::CertificateFiles;
use edgeloom_core::certificate::ServerName;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, SignatureAlgorithm};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::limits::CERTIFICATE_DAYS_LEFT;

/// A certificate that can be shown.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(super) shown: Arc<CertifiedKey>,
    pub(crate) names: Box<[ServerName]>,
    pub(crate) algorithm: Algorithm,
    /// The file that it was read from.
    pub(crate) chain: PathBuf,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
    /// The position in the chain of one that the next did not sign.
    gap: Option<usize>,
    key: PathBuf,
    /// Anybody on this machine may read the key.
    is_public: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ecdsa,
    Ed25519,
    Rsa,
}

/// Why a certificate can not be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("{} can not be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{} can not be read by the user that runs the edge", .0.display())]
    Forbidden(PathBuf),
    #[error("{} is not PEM", .0.display())]
    NotPem(PathBuf, #[source] pem::Error),
    #[error("{} has no certificate; wanted is PEM, which begins with `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    #[error("certificate {position} in {} can not be understood: {why}", .file.display())]
    Malformed { file: PathBuf, position: usize, why: String },
    #[error("{} has no private key; wanted is PEM, which begins with `-----BEGIN PRIVATE KEY-----`", .0.display())]
    NoKey(PathBuf),
    #[error("the key in {} is encrypted; write it without a passphrase: `openssl pkey -in … -out …`", .0.display())]
    Encrypted(PathBuf),
    #[error("the key in {} can not be used; ECDSA (P-256, P-384), Ed25519 and RSA (2048 to 8192 bits) can", .0.display())]
    UnusableKey(PathBuf),
    #[error("the key in {} is not that of the certificate in {}", .key.display(), .chain.display())]
    Mismatch { key: PathBuf, chain: PathBuf },
    #[error("{} is no OCSP response that says anything; wanted is DER, as `openssl ocsp -respout` writes it", .0.display())]
    NotOcsp(PathBuf),
}

impl Certificate {
    /// # Errors
    ///
    /// Where a file is missing or not what it should be, or where the key is that of another certificate.
    pub(super) fn read(
        files: &CertificateFiles,
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let chain = chain(&files.chain)?;
        let malformed = |position, why: String| CertificateError::Malformed {
            file: files.chain.clone(),
            position: position + 1,
            why,
        };
        let parsed = chain.iter().enumerate().map(|(position, der)| {
            X509Certificate::from_der(der)
                .map(|(_, certificate)| certificate)
                .map_err(|error| malformed(position, error.to_string()))
        });
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let own = parsed.first().ok_or_else(|| CertificateError::NoCertificate(files.chain.clone()))?;
        let time = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|error| malformed(0, error.to_string()))
        };
        let (begins, ends) = (time(own.validity().not_before)?, time(own.validity().not_after)?);
        let names = names(own).map_err(|why| malformed(0, why))?;
        let is_signed_by = |pair: &[X509Certificate<'_>]| match pair {
            [signed, signer] => signed.issuer() == signer.subject(),
            _ => true,
        };
        let gap = parsed.windows(2).position(|pair| !is_signed_by(pair));
        drop(parsed);
        let key = key(&files.key)?;
        let unusable = |_error| CertificateError::UnusableKey(files.key.clone());
        let signing = provider.key_provider.load_private_key(key).map_err(unusable)?;
        let algorithm = match signing.algorithm() {
            SignatureAlgorithm::RSA => Algorithm::Rsa,
            SignatureAlgorithm::ED25519 => Algorithm::Ed25519,
            _ => Algorithm::Ecdsa,
        };
        let mut shown = CertifiedKey::new(chain, signing);
        match shown.keys_match() {
            // A key that does not say which public key it belongs to can not be compared.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(CertificateError::Mismatch {
                    key: files.key.clone(),
                    chain: files.chain.clone(),
                });
            }
            Err(error) => return Err(malformed(0, error.to_string())),
        }
        shown.ocsp = files.ocsp.as_deref().map(staple).transpose()?;
        Ok(Self {
            shown: Arc::new(shown),
            names,
            algorithm,
            chain: files.chain.clone(),
            begins,
            ends,
            gap,
            key: files.key.clone(),
            is_public: fs::metadata(&files.key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0),
        })
    }

    /// Whether this host, as a request asks for it, is one that the certificate is for.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| name.covers(host))
    }

    /// How many days are left; less than none once it has ended.
    pub(crate) fn days_left(&self, now: Timestamp) -> i64 {
        (self.ends.as_second() - now.as_second()).div_euclid(DAY_SECONDS)
    }

    /// What is to be known of it soon, in sentences.
    pub(super) fn concerns(&self, now: Timestamp) -> Vec<String> {
        let file = self.chain.display();
        let mut concerns = Vec::new();
        let days = self.days_left(now);
        if self.ends < now {
            concerns
                .push(format!("the certificate in {file} ended on {}: clients refuse it", day(self.ends)));
        } else if self.begins > now {
            let from = day(self.begins);
            concerns.push(format!(
                "the certificate in {file} is not valid before {from}: until then clients refuse it"
            ));
        } else if days < CERTIFICATE_DAYS_LEFT {
            let s = if days == 1 { "" } else { "s" };
            concerns.push(format!("the certificate in {file} ends on {}, in {days} day{s}", day(self.ends)));
        }
        if let Some(gap) = self.gap {
            let (signed, signer) = (gap + 1, gap + 2);
            concerns.push(format!(
                "certificate {signer} in {file} did not sign certificate {signed}: clients may not find the way to the root"
            ));
        }
        if self.names.is_empty() {
            concerns.push(format!(
                "the certificate in {file} names no server in its subjectAltName: it is shown by default only, and clients refuse it"
            ));
        }
        if self.is_public {
            concerns.push(format!("everybody on this machine can read the key in {}", self.key.display()));
        }
        concerns
    }

    /// What it is for and until when, in a line.
    pub(crate) fn summary(&self, now: Timestamp) -> String {
        let names: Vec<_> = self.names.iter().map(ToString::to_string).collect();
        format!(
            "{}: {} ({}, until {}, {} days)",
            self.chain.display(),
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") },
            self.algorithm.name(),
            day(self.ends),
            self.days_left(now),
        )
    }
}

impl Algorithm {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        }
    }
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => CertificateError::Forbidden(path.to_owned()),
        _ => CertificateError::Unreadable(path.to_owned(), error),
    })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| CertificateError::NotPem(path.to_owned(), error))?;
    if chain.is_empty() { Err(CertificateError::NoCertificate(path.to_owned())) } else { Ok(chain) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(&pem) => CertificateError::Encrypted(path.to_owned()),
        pem::Error::NoItemsFound => CertificateError::NoKey(path.to_owned()),
        error => CertificateError::NotPem(path.to_owned(), error),
    })
}

/// Whether there is a key that a passphrase keeps from us.
fn is_encrypted(pem: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    marks.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark))
}

/// An OCSP response is handed on as it is: clients verify it, we see only that it is one.
fn staple(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let der = read(path)?;
    // OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED { successful (0), … }, responseBytes … } (RFC 6960 section 4.2.1)
    let length = match der.as_slice() {
        [0x30, short @ 0..=0x7f, rest @ ..] => (usize::from(*short) == rest.len()).then_some(rest),
        [0x30, 0x81, length, rest @ ..] => (usize::from(*length) == rest.len()).then_some(rest),
        [0x30, 0x82, high, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])) == rest.len()).then_some(rest)
        }
        _ => None,
    };
    match length {
        Some([0x0a, 0x01, 0x00, 0xa0, ..]) => Ok(der),
        Some(_) | None => Err(CertificateError::NotOcsp(path.to_owned())),
    }
}

/// What the certificate is for; what no client would believe is left out.
fn names(certificate: &X509Certificate<'_>) -> Result<Box<[ServerName]>, String> {
    let extension = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => ServerName::of_dns(name),
        GeneralName::IPAddress(bytes) => address(bytes).map(ServerName::Address),
        _ => None,
    };
    Ok(names.filter_map(name).collect())
}

/// An address as certificates have it (RFC 5280 section 4.2.1.6).
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| v6()).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests;
