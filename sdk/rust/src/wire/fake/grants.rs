//! The grants, played in memory. Each test thread has its own.

#[cfg(feature = "geo")]
mod geo {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::net::IpAddr;

    use crate::Country;
    use crate::geo::Place;

    thread_local! {
        static PLACES: RefCell<HashMap<IpAddr, Place>> = RefCell::default();
    }

    /// From here on, this address is there, or nowhere.
    pub(crate) fn know(address: IpAddr, place: Option<Place>) {
        PLACES.with_borrow_mut(|places| match place {
            Some(place) => places.insert(address, place),
            None => places.remove(&address),
        });
    }

    pub(crate) fn locate(address: IpAddr) -> Option<Place> {
        PLACES.with_borrow(|places| places.get(&address).cloned())
    }

    pub(crate) fn country(address: IpAddr) -> Option<Country> {
        locate(address)?.country
    }
}
#[cfg(feature = "geo")]
pub(crate) use geo::{country, know, locate};

#[cfg(feature = "log")]
mod log {
    use std::cell::RefCell;

    use crate::log::Level;

    thread_local! {
        static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
    }

    pub(crate) fn log(level: Level, message: &str) {
        LINES.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
    }

    /// Takes the lines written since it was last asked.
    pub(crate) fn logged() -> Vec<(Level, String)> {
        LINES.take()
    }
}
#[cfg(feature = "log")]
pub(crate) use log::{log, logged};

#[cfg(feature = "tls")]
mod tls {
    use std::cell::RefCell;

    use crate::testing::Tls;
    use crate::tls::{AlternativeName, ClientCertificate, Connection};

    thread_local! {
        static TLS: RefCell<Option<Tls>> = const { RefCell::new(None) };
    }

    /// From here on, connections of this test are encrypted so, or not at all.
    pub(crate) fn encrypt(tls: Option<Tls>) {
        TLS.set(tls);
    }

    pub(crate) fn connection() -> Option<Connection> {
        TLS.with_borrow(|tls| tls.as_ref().map(|tls| tls.connection.clone()))
    }

    pub(crate) fn certificate() -> Option<ClientCertificate> {
        TLS.with_borrow(|tls| tls.as_ref()?.certificate.clone())
    }

    pub(crate) fn names() -> Vec<AlternativeName> {
        TLS.with_borrow(|tls| tls.as_ref().map(|tls| tls.names.clone()).unwrap_or_default())
    }
}
#[cfg(feature = "tls")]
pub(crate) use tls::{certificate, connection, encrypt, names};
