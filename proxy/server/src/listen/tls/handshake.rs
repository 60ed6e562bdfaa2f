//! How it comes to a connection, or not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use edgeloom_config::Misdirected;
use edgeloom_core::client as core;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::SslDigest;
use pingora_http::ResponseHeader;
use rustls::{AlertDescription, HandshakeKind, InvalidMessage, ProtocolVersion, ServerConnection};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::showing::{ASIDE, Aside, Shown};
use super::{Certificate, Tls, shown};
use crate::listen::accepted::Accepted;
use crate::secured::{Secured, Told};

/// What is known of the TLS of a connection.
#[derive(Debug)]
pub(crate) struct Secure {
    /// As filters see it.
    pub(crate) tls: Arc<core::Tls>,
    pub(crate) resumed: bool,
    /// What it was shown.
    certificate: Option<Arc<Certificate>>,
    misdirected: Misdirected,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The client took too long.
    Late,
    /// It hung up.
    Gone,
    /// What it said is not TLS: plain HTTP, or noise.
    NotTls,
    /// It asked for a name that is not ours.
    UnknownName,
    /// There is no version, cipher or protocol that both sides speak.
    NothingInCommon,
    /// It showed no certificate, or one that is not believed.
    ClientCertificate,
    /// It did not like what it was shown, and said so.
    Rejected,
    /// It broke the rules.
    Misbehaved,
}

impl Secure {
    /// Whether a request for this host should have gone elsewhere.
    pub(crate) fn is_misdirected(&self, host: &str) -> bool {
        let covers = |certificate: &Arc<Certificate>| certificate.covers(host);
        self.misdirected == Misdirected::Refuse
            && !host.is_empty()
            && !self.certificate.as_ref().is_some_and(covers)
    }

    /// The carrier is what brings this to sessions: Pingora lets nobody else write into its digest of TLS, and a
    /// session of HTTP/2 has no stream to ask. Proxies before us that would be spoken to with CONNECT, which
    /// that place is for, there are none.
    fn told(self: &Arc<Self>) -> Told {
        let version = if self.tls.version == "1.2" { "TLSv1.2" } else { "TLSv1.3" };
        let ssl = SslDigest::new(self.tls.cipher, version, None, None, Vec::new());
        let carrier = ResponseHeader::build(http::StatusCode::OK, Some(0))
            .ok()
            .map(|unused| Arc::new(ProxyDigest::new(Box::new(unused), Some(Box::new(Arc::clone(self))))));
        Told { ssl: Some(Arc::new(ssl)), carrier }
    }
}

impl Tls {
    /// Speaks with whoever connected, until both sides know how to go on.
    ///
    /// # Errors
    ///
    /// Where they do not come to that.
    pub(in crate::listen) async fn accept(
        &self,
        stream: Accepted,
        within: Duration,
    ) -> Result<(Secured<Accepted>, Arc<Secure>), HandshakeFailure> {
        let address = if self.showing.has_addresses() {
            stream.ends().local_addr().and_then(|local| Some(local.as_inet()?.ip()))
        } else {
            None
        };
        let aside = Aside { address, ..Aside::default() };
        let accept = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream);
        let (accepted, shown) = ASIDE
            .scope(aside, async {
                let accepted = timeout(within, accept).await;
                (accepted, ASIDE.with(|aside| aside.shown.take()))
            })
            .await;
        let Ok(accepted) = accepted else { return Err(HandshakeFailure::Late) };
        match (accepted, shown) {
            (Ok(stream), shown) => {
                // A session that goes on is not verified again, and may have outlived it.
                if stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(<[_]>::first)
                    .is_some_and(|der| shown::has_ended(der))
                {
                    return Err(HandshakeFailure::ClientCertificate);
                }
                let secure = Arc::new(self.secure(stream.get_ref().1, shown));
                Ok((Secured::new(stream, secure.told()), secure))
            }
            (Err(_), Some(Shown::Nothing)) => Err(HandshakeFailure::UnknownName),
            (Err(error), _) => Err(HandshakeFailure::of(&error)),
        }
    }

    fn secure(&self, connection: &ServerConnection, shown: Option<Shown>) -> Secure {
        let suite = connection.negotiated_cipher_suite();
        let client = connection.peer_certificates().and_then(<[_]>::first);
        let tls = core::Tls {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                _ => "1.3",
            },
            cipher: suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default(),
            server_name: connection.server_name().map(|name| name.to_ascii_lowercase().into()),
            certificate: client.map(|der| shown::read(der)),
        };
        Secure {
            tls: Arc::new(tls),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            certificate: match shown {
                Some(Shown::Certificate(certificate)) => Some(certificate),
                Some(Shown::Nothing) | None => None,
            },
            misdirected: self.showing.misdirected,
        }
    }
}

impl HandshakeFailure {
    pub(crate) const ALL: [Self; 8] = [
        Self::Late,
        Self::Gone,
        Self::NotTls,
        Self::UnknownName,
        Self::NothingInCommon,
        Self::ClientCertificate,
        Self::Rejected,
        Self::Misbehaved,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Gone => "gone",
            Self::NotTls => "not_tls",
            Self::UnknownName => "unknown_name",
            Self::NothingInCommon => "nothing_in_common",
            Self::ClientCertificate => "client_certificate",
            Self::Rejected => "rejected",
            Self::Misbehaved => "misbehaved",
        }
    }

    fn of(error: &io::Error) -> Self {
        use rustls::Error::{
            AlertReceived, InvalidCertificate, InvalidMessage as Invalid, NoApplicationProtocol,
            NoCertificatesPresented, PeerIncompatible,
        };
        let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return Self::Gone;
        };
        match error {
            Invalid(InvalidMessage::InvalidContentType) => Self::NotTls,
            NoCertificatesPresented | InvalidCertificate(_) => Self::ClientCertificate,
            PeerIncompatible(_) | NoApplicationProtocol => Self::NothingInCommon,
            AlertReceived(AlertDescription::UserCanceled | AlertDescription::CloseNotify) => Self::Gone,
            AlertReceived(_) => Self::Rejected,
            _ => Self::Misbehaved,
        }
    }
}
