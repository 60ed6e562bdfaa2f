//! TLS with an endpoint: one way of speaking it for all connections to it, so that sessions go on where others ended.
//!
//! Pingora would make a new one for every connection, and so verify, sign and agree on keys every time.

mod anybody; // a verifier that verifies nothing

use std::io;
use std::sync::Arc;
use std::time::Duration;

use edgeloom_config::Spoken;
use edgeloom_core::units::show_duration;
use pingora_core::protocols::l4;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(super) use anybody::Anybody;

use crate::secured::{Secured, Told};

/// How TLS is spoken with one endpoint at one of its addresses.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    spoken: Spoken,
}

/// Why there is no TLS with an endpoint that was connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSecured {
    #[error("it did not end the TLS handshake within {}", show_duration(*.0))]
    Late(Duration),
    #[error("TLS: {0}")]
    Refused(rustls::Error),
    #[error("it broke off the TLS handshake: {0}")]
    BrokeOff(io::Error),
    #[error("it does not speak HTTP/2: ALPN came to {}, and the cluster's `protocol` is `http2`", .0.unwrap_or("nothing"))]
    NotHttp2(Option<&'static str>),
}

/// What is offered to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// What the cluster speaks.
    Usual,
    /// HTTP/1.1 alone: what another protocol can follow.
    Http1,
}

impl Tls {
    /// `config` offers what is spoken. `None` where the name is none that a certificate could be for.
    pub(super) fn new(config: Arc<ClientConfig>, name: String, spoken: Spoken) -> Option<Self> {
        Some(Self { config, name: ServerName::try_from(name).ok()?, spoken })
    }

    /// # Errors
    ///
    /// Where the endpoint is not whom it should be, does not agree, or takes longer than `within`.
    pub(super) async fn shake_hands(
        &self,
        stream: l4::stream::Stream,
        offer: Offer,
        within: Option<Duration>,
    ) -> Result<Secured<l4::stream::Stream>, NotSecured> {
        let config = match (offer, self.spoken) {
            (Offer::Http1, Spoken::Auto) => {
                let mut config = ClientConfig::clone(&self.config);
                config.alpn_protocols = alpn(Spoken::Http1);
                Arc::new(config)
            }
            _ => Arc::clone(&self.config),
        };
        let connecting = TlsConnector::from(config).connect(self.name.clone(), stream);
        let connected = match within {
            Some(within) => timeout(within, connecting).await.map_err(|_late| NotSecured::Late(within))?,
            None => connecting.await,
        };
        let secured = Secured::new(connected.map_err(NotSecured::of)?, Told::default());
        match secured.agreed() {
            // Some would go on in HTTP/1.1: calls of gRPC would fail there one by one, and nobody would know why.
            agreed if self.spoken == Spoken::Http2 && agreed != Some("h2") => {
                Err(NotSecured::NotHttp2(agreed))
            }
            _ => Ok(secured),
        }
    }
}

/// What is offered by ALPN, best first.
pub(super) fn alpn(spoken: Spoken) -> Vec<Vec<u8>> {
    let offered: &[&str] = match spoken {
        Spoken::Http1 => &["http/1.1"],
        Spoken::Http2 => &["h2"],
        Spoken::Auto => &["h2", "http/1.1"],
    };
    offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
}

impl NotSecured {
    fn of(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => Self::NotHttp2(None),
            Ok(why) => Self::Refused(why),
            Err(error) => Self::BrokeOff(error),
        }
    }
}
