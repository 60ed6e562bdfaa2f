//! What a client showed of itself.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::certificate::address;

/// A client's certificate, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// As it is written in the certificate: `C=SE, O=Shop, CN=alice`.
    pub(crate) subject: Box<str>,
    /// The SHA-256 of the certificate in DER, in lower-case hexadecimal digits.
    pub(crate) fingerprint: Box<str>,
    /// Its alternative names: DNS names, addresses, mail addresses and URIs.
    pub(crate) names: Box<[Box<str>]>,
}

impl ClientCertificate {
    pub(super) fn of(der: &[u8]) -> Self {
        let fingerprint = Sha256::digest(der).iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a string can not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        // What rustls has verified can be understood; if it could not, the fingerprint would still say who it is.
        let parsed = X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate);
        Self {
            subject: parsed.as_ref().map(|parsed| parsed.subject().to_string()).unwrap_or_default().into(),
            fingerprint: fingerprint.into(),
            names: parsed.as_ref().map(names).unwrap_or_default(),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Box<[Box<str>]> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some(Box::from(*name))
        }
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string().into()),
        _ => None,
    };
    names.filter_map(name).collect()
}
