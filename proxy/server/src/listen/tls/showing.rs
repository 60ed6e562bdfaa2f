//! Which certificate a client is shown.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use edgeloom_config::{Misdirected, UnknownName};
use edgeloom_core::certificate::{Asked, Shelf};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Certificate;
use super::certificate::Algorithm;

/// Every certificate of a listener, and what each is for.
#[derive(Debug)]
pub(super) struct Showing {
    certificates: Box<[Arc<Certificate>]>,
    shelf: Shelf,
    unknown_name: UnknownName,
    pub(super) misdirected: Misdirected,
}

/// What a handshake is told, and what it tells, beside what rustls hands over.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The address that the client connected to, where that makes a difference.
    pub(super) address: Option<IpAddr>,
    pub(super) shown: RefCell<Option<Shown>>,
}

/// What a client was shown.
#[derive(Debug)]
pub(super) enum Shown {
    Certificate(Arc<Certificate>),
    /// It asked for a name that is not ours.
    Nothing,
}

tokio::task_local! {
    /// Of the handshake that is being polled: rustls asks for a certificate without saying for whom.
    pub(super) static ASIDE: Aside;
}

impl Showing {
    pub(super) fn new(
        certificates: Vec<Arc<Certificate>>,
        unknown_name: UnknownName,
        misdirected: Misdirected,
    ) -> Self {
        let shelf = Shelf::new(certificates.iter().map(|certificate| &*certificate.names));
        Self { certificates: certificates.into(), shelf, unknown_name, misdirected }
    }

    pub(super) fn certificates(&self) -> &[Arc<Certificate>] {
        &self.certificates
    }

    /// Whether it matters which address of ours a client connects to.
    pub(super) fn has_addresses(&self) -> bool {
        self.shelf.has_addresses()
    }

    fn choose(&self, hello: &ClientHello<'_>, address: Option<IpAddr>) -> Option<&Arc<Certificate>> {
        let asked = Asked { name: hello.server_name(), address };
        let found = self.best(self.shelf.find(asked), hello);
        if found.is_none() && self.unknown_name == UnknownName::Refuse {
            return None;
        }
        // If the client can use none, rustls says so to it.
        found.or_else(|| self.best(self.shelf.fallback(), hello)).or_else(|| self.certificates.first())
    }

    /// The first that the client can use, but RSA only where it can use no other: that is dear to sign with.
    fn best(
        &self,
        positions: impl Iterator<Item = usize>,
        hello: &ClientHello<'_>,
    ) -> Option<&Arc<Certificate>> {
        let is_usable = |certificate: &&Arc<Certificate>| {
            certificate.shown.key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let mut usable = positions.filter_map(|position| self.certificates.get(position)).filter(is_usable);
        let first = usable.next()?;
        if first.algorithm != Algorithm::Rsa {
            return Some(first);
        }
        Some(usable.find(|certificate| certificate.algorithm != Algorithm::Rsa).unwrap_or(first))
    }
}

impl ResolvesServerCert for Showing {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let address = ASIDE.try_with(|aside| aside.address).ok().flatten();
        let chosen = self.choose(&hello, address);
        let shown = chosen.map_or(Shown::Nothing, |certificate| Shown::Certificate(Arc::clone(certificate)));
        // Outside of a handshake of ours nobody wants to know.
        let _ = ASIDE.try_with(|aside| aside.shown.replace(Some(shown)));
        chosen.map(|certificate| Arc::clone(&certificate.shown))
    }
}
