//! The `tls` grant: how the connection is encrypted that the request came on, and who the client
//! showed itself to be. In both phases.
//!
//! Behind a proxy that speaks TLS with its own clients, it is that proxy's connection: what
//! [`Client::secure`](crate::Client::secure) says of the client may be another.
//!
//! ```
//! use edgeloom_sdk::{Answer, Request, Settings, filter, tls};
//!
//! /// Lets in those whose certificates are listed.
//! #[derive(Settings)]
//! struct Members {
//!     sha256: Vec<String>,
//! }
//!
//! #[filter]
//! impl Members {
//!     #[on_request]
//!     fn admit(&self, _request: &mut Request) -> Result<(), Answer> {
//!         let shown = tls::certificate();
//!         let is_known = shown.is_some_and(|shown| self.sha256.contains(&shown.sha256));
//!         if is_known { Ok(()) } else { Err(Answer::text(403, "Members only.\n")) }
//!     }
//! }
//!
//! # use edgeloom_sdk::testing;
//! # use edgeloom_sdk::tls::ClientCertificate;
//! let members = Members::from_yaml("{ sha256: ['00ff'] }").unwrap();
//! let mut request = Request::get("https://shop.example/");
//!
//! testing::encrypt(Some(testing::tls().showing(ClientCertificate { sha256: "00ff".into(), ..Default::default() })));
//! assert!(members.admit(&mut request).is_ok());
//!
//! testing::encrypt(Some(testing::tls()));
//! assert!(members.admit(&mut request).is_err());
//! ```

use crate::wire;

/// An encrypted connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// `1.2` or `1.3`.
    pub version: String,
    /// The cipher suite, as IANA names it: `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The name that the client asked for (SNI), lower case.
    pub server_name: Option<String>,
}

/// A certificate that the client showed, and that the operator's authorities vouch for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whom it is for, as it is written there: `C=SE, O=Shop, CN=alice`.
    ///
    /// Compare whole subjects: a text like `CN=alice` may stand anywhere in one.
    pub subject: String,
    /// The SHA-256 of the certificate, in 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// One of the names that a certificate is for, beside its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlternativeName {
    /// Of a machine.
    Dns(String),
    /// Of a mailbox.
    Email(String),
    /// Of anything, such as `spiffe://shop.example/cart`.
    Uri(String),
    /// An address.
    Ip(String),
}

/// The connection; `None` in the clear.
#[must_use]
pub fn connection() -> Option<Connection> {
    wire::connection()
}

/// The client's certificate; `None` where it showed none.
#[must_use]
pub fn certificate() -> Option<ClientCertificate> {
    wire::certificate()
}

/// The alternative names of the client's certificate, in its order.
#[must_use]
pub fn names() -> Vec<AlternativeName> {
    wire::names()
}
