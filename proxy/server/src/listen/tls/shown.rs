//! What a client showed of itself.

use edgeloom_core::client::{ClientCertificate, NameKind};
use edgeloom_core::digest::Digest;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::certificate::address;

/// What a certificate says, that rustls has verified.
pub(super) fn read(der: &[u8]) -> ClientCertificate {
    // What was verified can be understood; if it could not, its digest would still say who it is.
    let parsed = X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate);
    ClientCertificate {
        subject: parsed.as_ref().map(|parsed| parsed.subject().to_string()).unwrap_or_default().into(),
        sha256: Digest(Sha256::digest(der).into()).to_string().into(),
        names: parsed.as_ref().map(names).unwrap_or_default(),
    }
}

/// Whether it is valid no more. What can not be understood was not verified, either.
pub(super) fn has_ended(der: &[u8]) -> bool {
    X509Certificate::from_der(der).map_or(true, |(_, certificate)| {
        certificate.validity().not_after.timestamp() < Timestamp::now().as_second()
    })
}

fn names(certificate: &X509Certificate<'_>) -> Box<[(NameKind, Box<str>)]> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((NameKind::Dns, Box::from(*name))),
        GeneralName::RFC822Name(name) => Some((NameKind::Email, Box::from(*name))),
        GeneralName::URI(name) => Some((NameKind::Uri, Box::from(*name))),
        GeneralName::IPAddress(bytes) => {
            address(bytes).map(|address| (NameKind::Address, address.to_string().into()))
        }
        _ => None,
    };
    names.filter_map(name).collect()
}
