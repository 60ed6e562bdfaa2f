//! Why an endpoint could not be reached, or not be trusted.

use pingora_core::{Error, ErrorType};
use rustls::CertificateError;

use super::tls::NotSecured;

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
    /// It does not agree to HTTP/2, and is to be asked in nothing else.
    NotHttp2,
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
    /// Of an error from connecting.
    pub(crate) fn of(error: &Error) -> Self {
        match error.root_cause().downcast_ref::<NotSecured>() {
            Some(NotSecured::Late(_)) => Self::LateHandshake,
            Some(NotSecured::Refused(why)) => Distrust::of(why).map_or(Self::Handshake, Self::Distrusted),
            Some(NotSecured::BrokeOff(_)) => Self::Handshake,
            Some(NotSecured::NotHttp2(_)) => Self::NotHttp2,
            None if *error.etype() == ErrorType::ConnectTimedout => Self::Late,
            None => Self::Unreachable,
        }
    }
}

impl Distrust {
    fn of(error: &rustls::Error) -> Option<Self> {
        use CertificateError::{
            BadSignature, Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName,
            NotValidForNameContext, NotValidYet, NotValidYetContext, UnknownIssuer,
        };
        let rustls::Error::InvalidCertificate(why) = error else { return None };
        Some(match why {
            Expired | ExpiredContext { .. } => Self::Expired,
            NotValidYet | NotValidYetContext { .. } => Self::NotYetValid,
            // The second names somebody who is trusted, and is not signed with that key.
            UnknownIssuer | BadSignature => Self::UnknownIssuer,
            NotValidForName | NotValidForNameContext { .. } => Self::OtherName,
            InvalidPurpose | InvalidPurposeContext { .. } => Self::Purpose,
            _ => Self::Unverifiable,
        })
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    #[test]
    fn why_a_certificate_is_not_believed_is_said_in_our_words() {
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
            let error = rustls::Error::InvalidCertificate(error);
            assert_eq!(Distrust::of(&error), Some(why), "{error}");
        }
        assert_eq!(Distrust::of(&rustls::Error::DecryptError), None);
    }
}
