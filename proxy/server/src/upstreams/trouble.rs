//! Why an endpoint could not be reached, or not be trusted.

use pingora_core::{Error, ErrorType};

use super::dial::NotConnected;

/// What went wrong before anything was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It did not accept a connection in time.
    Late,
    /// It did not end the TLS handshake in time.
    LateHandshake,
    /// It shows a certificate that is not to be believed.
    Distrusted(Distrust),
    /// There was no TLS to be had with it.
    Handshake,
    /// It does not accept connections.
    Unreachable,
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Distrust {
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("it is signed by nobody who is trusted")]
    UnknownIssuer,
    #[error("it is for another name")]
    OtherName,
    #[error("it is not one for a server")]
    Purpose,
    #[error("it can not be verified")]
    Unverifiable,
}

impl Trouble {
    /// Of an error from connecting; `tls` is whether there was to be TLS.
    pub(crate) fn of(error: &Error, tls: bool) -> Self {
        match error.etype() {
            ErrorType::ConnectTimedout if tls && !is_of_dial(error) => Self::LateHandshake,
            ErrorType::ConnectTimedout => Self::Late,
            ErrorType::TLSHandshakeTimedout => Self::LateHandshake,
            ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert => {
                Distrust::of(&error.to_string()).map_or(Self::Handshake, Self::Distrusted)
            }
            _ => Self::Unreachable,
        }
    }
}

/// Whether it is from before the handshake: where there is TLS, connections are opened by [`super::dial`].
fn is_of_dial(error: &Error) -> bool {
    error.cause.as_ref().is_some_and(|cause| cause.is::<NotConnected>())
}

impl Distrust {
    /// Pingora hands on rustls's error as its text alone; the tests hold these words against rustls's own.
    fn of(text: &str) -> Option<Self> {
        let (_, why) = text.split_once("invalid peer certificate: ")?;
        let known = [
            ("certificate expired", Self::Expired),
            ("Expired", Self::Expired),
            ("certificate not valid yet", Self::NotYetValid),
            ("NotValidYet", Self::NotYetValid),
            ("UnknownIssuer", Self::UnknownIssuer),
            // It names somebody who is trusted, and is not signed with that key.
            ("BadSignature", Self::UnknownIssuer),
            ("certificate not valid for", Self::OtherName),
            ("NotValidForName", Self::OtherName),
            ("certificate does not allow extended key usage", Self::Purpose),
            ("InvalidPurpose", Self::Purpose),
        ];
        let found = known.into_iter().find(|(words, _)| why.starts_with(words));
        Some(found.map_or(Self::Unverifiable, |(_, why)| why))
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    #[test]
    fn why_a_certificate_is_not_believed_is_read_from_rustls() {
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let name = || ServerName::try_from("shop.example").unwrap();
        let purpose = CertificateError::InvalidPurposeContext {
            required: rustls::ExtendedKeyPurpose::ServerAuth,
            presented: Vec::new(),
        };
        for (error, why) in [
            (CertificateError::Expired, Distrust::Expired),
            (CertificateError::ExpiredContext { time, not_after: time }, Distrust::Expired),
            (CertificateError::NotValidYet, Distrust::NotYetValid),
            (CertificateError::NotValidYetContext { time, not_before: time }, Distrust::NotYetValid),
            (CertificateError::UnknownIssuer, Distrust::UnknownIssuer),
            (CertificateError::NotValidForName, Distrust::OtherName),
            (
                CertificateError::NotValidForNameContext { expected: name(), presented: Vec::new() },
                Distrust::OtherName,
            ),
            (purpose, Distrust::Purpose),
            (CertificateError::BadSignature, Distrust::UnknownIssuer),
            (CertificateError::BadEncoding, Distrust::Unverifiable),
        ] {
            let text = format!("TLS connect() failed: {}, SNI: x", rustls::Error::InvalidCertificate(error));
            assert_eq!(Distrust::of(&text), Some(why), "{text}");
        }
        assert_eq!(Distrust::of("received fatal alert: HandshakeFailure"), None);
    }
}
