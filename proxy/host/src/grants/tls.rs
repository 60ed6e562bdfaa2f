//! The `tls` grant: how the request's connection is encrypted, and who its client showed itself to be.

use edgeloom_core::client::{ClientCertificate, Tls};

use crate::bindings::tls::{self as contract, AlternativeName, Host, TlsConnection};
use crate::exchange::CallState;

impl Host for CallState {
    fn connection(&mut self) -> Option<TlsConnection> {
        let tls = self.tls()?;
        Some(TlsConnection {
            version: tls.version.to_owned(),
            cipher: tls.cipher.to_owned(),
            server_name: tls.server_name.as_deref().map(str::to_owned),
        })
    }

    fn certificate(&mut self) -> Option<contract::ClientCertificate> {
        let shown = self.shown()?;
        Some(contract::ClientCertificate {
            subject: shown.subject.to_string(),
            sha256: shown.sha256.to_string(),
        })
    }

    fn names(&mut self) -> Vec<AlternativeName> {
        let names = self.shown().into_iter().flat_map(|shown| &shown.names);
        names
            .map(|(kind, name)| AlternativeName {
                kind: kind.name().to_owned(),
                name: name.as_ref().to_owned(),
            })
            .collect()
    }
}

impl CallState {
    /// Of the exchange at hand; there is one subject at a time, of the one phase or the other.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.request.tls.as_deref().or(self.response.tls.as_deref())
    }

    pub(crate) fn shown(&self) -> Option<&ClientCertificate> {
        self.tls()?.certificate.as_ref()
    }
}
