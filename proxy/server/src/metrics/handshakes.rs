//! How TLS begins, and how long it can go on so.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Counter;
use crate::listen::tls::{HandshakeFailure, Secure};

/// TLS handshakes, by what came of them.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    /// By version, 1.2 first, and whether a session went on, a full one first.
    made: [[Counter; 2]; 2],
    failed: [Counter; HandshakeFailure::ALL.len()],
}

/// How long a certificate can still be shown.
#[derive(Debug)]
pub(crate) struct CertificateLeft {
    /// The file that it was read from.
    pub(crate) chain: String,
    /// The first name that it is for.
    pub(crate) name: String,
    pub(crate) algorithm: &'static str,
    /// Less than none once it has ended.
    pub(crate) days: i64,
}

impl Handshakes {
    pub(crate) fn made(&self, secure: &Secure) {
        let [old, new] = &self.made;
        let [full, resumed] = if secure.tls.version == "1.2" { old } else { new };
        if secure.resumed { resumed } else { full }.add();
    }

    pub(crate) fn failed(&self, failure: HandshakeFailure) {
        let position = HandshakeFailure::ALL.iter().position(|known| *known == failure);
        if let Some(counter) = position.and_then(|position| self.failed.get(position)) {
            counter.add();
        }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help =
            "TLS handshakes that came to a connection, by version and whether an earlier session went on";
        let mut made = encoder.encode_descriptor("handshakes", help, None, MetricType::Counter)?;
        for (version, counters) in ["1.2", "1.3"].into_iter().zip(&self.made) {
            for (session, counter) in ["new", "resumed"].into_iter().zip(counters) {
                made.encode_family(&[("version", version), ("session", session)])?
                    .encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)?;
            }
        }
        let help = "TLS handshakes that came to nothing, by reason";
        let mut failed = encoder.encode_descriptor("handshake_failures", help, None, MetricType::Counter)?;
        for (failure, counter) in HandshakeFailure::ALL.into_iter().zip(&self.failed) {
            failed
                .encode_family(&[("reason", failure.name())])?
                .encode_counter::<NoLabelSet, _, u64>(&counter.get(), None)?;
        }
        Ok(())
    }
}

pub(super) fn encode_certificates(
    certificates: &[CertificateLeft],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "Days until a certificate ends, by its file, its first name and its algorithm";
    let mut left = encoder.encode_descriptor("certificate_days_left", help, None, MetricType::Gauge)?;
    for certificate in certificates {
        let labels = [
            ("certificate", &*certificate.chain),
            ("name", &*certificate.name),
            ("algorithm", certificate.algorithm),
        ];
        left.encode_family(&labels)?.encode_gauge(&certificate.days)?;
    }
    Ok(())
}
