//! Requests, responses and grants without Wasm, for the unit tests of filters.
//!
//! A filter's methods are called directly:
//!
//! ```
//! use edgeloom_sdk::{Request, Settings, filter, header};
//!
//! #[derive(Settings)]
//! struct Greet {
//!     word: String,
//! }
//!
//! #[filter]
//! impl Greet {
//!     #[on_request]
//!     fn greet(&self, request: &mut Request) {
//!         request.set_header(header!("x-greeting"), &self.word);
//!     }
//! }
//!
//! let filter = Greet::from_yaml("{ word: hej }").unwrap();
//! let mut request = Request::get("https://shop.example/").from("192.0.2.1");
//!
//! filter.greet(&mut request);
//!
//! assert_eq!(request.header_str("x-greeting").as_deref(), Some("hej"));
//! assert_eq!(request.fault(), None);
//! ```
//!
//! Edits are refused by the rules that the proxy has. [`on_request`] and [`on_response`] call a
//! filter as the proxy does: with the memo as bytes, and with refused edits as faults.
#![expect(clippy::panic, reason = "what a test's author writes wrong is told by failing the test")]

use std::net::IpAddr;

#[cfg(feature = "geo")]
use crate::geo::Place;
use crate::refusal::Refused;
pub use crate::verdict::{OnRequest, OnResponse, Verdict};
use crate::{Client, HeaderName, Request, Response, wire};

/// Calls the filter's `#[on_request]` method as the proxy does.
///
/// # Errors
///
/// What the fault says: an edit that was taken for granted and refused.
pub fn on_request<F: OnRequest>(filter: &F, request: &mut Request) -> Result<Verdict, String> {
    crate::verdict::verdict(filter, request)
}

/// Calls the filter's `#[on_response]` method as the proxy does; `memo` is what its request proceeded with.
///
/// # Errors
///
/// What the fault says: the method's error, or an edit that was taken for granted and refused.
pub fn on_response<F: OnResponse>(filter: &F, response: &mut Response, memo: &[u8]) -> Result<(), String> {
    crate::verdict::outcome(filter, response, memo)
}

/// For tests: making a request.
impl Request {
    /// A `GET` of this URL, from 192.0.2.1, every cluster granted.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A request of this method and URL, from 192.0.2.1, every cluster granted.
    ///
    /// # Panics
    ///
    /// Where the URL does not begin with `http://` or `https://`.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => panic!("`{url}` does not begin with http:// or https://"),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let slash = if target.starts_with('/') { "" } else { "/" };
        let mut request = Self {
            wire: wire::Request {
                head: wire::Head::default(),
                client: Client { address: IpAddr::from([192, 0, 2, 1]), secure },
                id: "0123456789abcdef".to_owned(),
                method: method.to_owned(),
                host: host(authority).to_ascii_lowercase(),
                target: format!("{slash}{target}"),
                cluster: None,
                granted: None,
                #[cfg(feature = "geo")]
                place: None,
            },
            refused: Refused::default(),
        };
        request.wire.head.receive(HeaderName::from_static("host"), authority.into());
        request
    }

    /// With this header too, as if it came from the network.
    ///
    /// # Panics
    ///
    /// Where the name is not legal.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.wire.head.receive(legal(name.as_ref()), value.as_ref().to_vec());
        self
    }

    /// With this fact, as if an earlier filter had left it.
    ///
    /// # Panics
    ///
    /// Where the proxy would not let a filter leave it.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: &str) -> Self {
        left(&mut self.wire.head, name, value);
        self
    }

    /// With this identifier.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.wire.id);
        self
    }

    /// From this client address.
    ///
    /// # Panics
    ///
    /// Where it is not an address.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        let Ok(parsed) = address.parse() else { panic!("`{address}` is not an address") };
        self.wire.client.address = parsed;
        self
    }

    /// From a client at this place, by the `geo` grant: a country like `"SE"`, or a [`Place`].
    #[cfg(feature = "geo")]
    #[must_use]
    pub fn located(mut self, place: impl Into<Place>) -> Self {
        self.wire.place = Some(place.into());
        self
    }

    /// With these clusters granted, and no other.
    #[must_use]
    pub fn granting<'n>(mut self, clusters: impl IntoIterator<Item = &'n str>) -> Self {
        self.wire.granted = Some(clusters.into_iter().map(str::to_owned).collect());
        self
    }
}

/// For tests: what became of a request.
impl Request {
    /// The cluster that a filter chose, if one did.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        self.wire.cluster.as_deref()
    }

    /// How often the proxy was called: each costs about a tenth of a microsecond, and `apply` is one.
    /// Calls of grants are not counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.wire.head.calls.get()
    }

    /// What the fault would say, where an edit was taken for granted and refused.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.refused.get()
    }
}

/// For tests: making a response, and what became of it.
impl Response {
    /// A response of this status, without headers.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { wire: wire::Response { head: wire::Head::default(), status }, refused: Refused::default() }
    }

    /// With this header too, as if it came from the upstream.
    ///
    /// # Panics
    ///
    /// Where the name is not legal.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.wire.head.receive(legal(name.as_ref()), value.as_ref().to_vec());
        self
    }

    /// With this fact, as if a filter had left it during the request.
    ///
    /// # Panics
    ///
    /// Where the proxy would not let a filter leave it.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: &str) -> Self {
        left(&mut self.wire.head, name, value);
        self
    }

    /// How often the proxy was called: each costs about a tenth of a microsecond, and `apply` is one.
    /// Calls of grants are not counted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.wire.head.calls.get()
    }

    /// What the fault would say, where an edit was taken for granted and refused.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.refused.get()
    }
}

/// A place of which only the country is known.
///
/// # Panics
///
/// Where it is not a country's code.
#[cfg(feature = "geo")]
impl From<&str> for Place {
    fn from(country: &str) -> Self {
        match country.parse() {
            Ok(country) => Self { country: Some(country), ..Self::default() },
            Err(illegal) => panic!("`{country}`: {illegal}"),
        }
    }
}

/// Puts an address that is not the client's on the map of this test, or takes it off.
#[cfg(feature = "geo")]
pub fn locate(address: impl Into<IpAddr>, place: Option<Place>) {
    wire::know(address.into(), place);
}

/// Takes the lines that filters wrote by the `log` grant in this test, since it was last asked.
#[cfg(feature = "log")]
#[must_use]
pub fn logged() -> Vec<(crate::log::Level, String)> {
    wire::logged()
}

/// An encrypted connection, and what the client showed on it, by the `tls` grant.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    pub(crate) connection: crate::tls::Connection,
    pub(crate) certificate: Option<crate::tls::ClientCertificate>,
    pub(crate) names: Vec<crate::tls::AlternativeName>,
}

/// TLS 1.3, for `shop.example`, with a client that showed nothing. Make it so with [`encrypt`].
#[cfg(feature = "tls")]
#[must_use]
pub fn tls() -> Tls {
    let connection = crate::tls::Connection {
        version: "1.3".to_owned(),
        cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
        server_name: Some("shop.example".to_owned()),
    };
    Tls { connection, ..Tls::default() }
}

#[cfg(feature = "tls")]
impl Tls {
    /// Of a client that showed this certificate.
    #[must_use]
    pub fn showing(mut self, certificate: crate::tls::ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// With these alternative names in the client's certificate.
    #[must_use]
    pub fn naming(mut self, names: impl IntoIterator<Item = crate::tls::AlternativeName>) -> Self {
        self.names = names.into_iter().collect();
        self
    }

    /// Of this connection.
    #[must_use]
    pub fn over(mut self, connection: crate::tls::Connection) -> Self {
        self.connection = connection;
        self
    }
}

/// From here on in this test, requests come on such a connection; in the clear where there is none.
#[cfg(feature = "tls")]
pub fn encrypt(tls: Option<Tls>) {
    wire::encrypt(tls);
}

fn legal(name: &str) -> HeaderName {
    HeaderName::new(name).unwrap_or_else(|illegal| panic!("`{name}`: {illegal}"))
}

fn left(head: &mut wire::Head, name: &str, value: &str) {
    let fact = crate::edits::Edit::Fact(name.into(), value.into());
    if let Err(refusal) = head.edit(&fact) {
        panic!("fact `{name}`: {refusal}");
    }
}

/// The host of an authority, without the port: `[::1]:80` has colons of its own.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}
