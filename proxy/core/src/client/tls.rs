//! How a client's connection is encrypted, and who the client showed itself to be.

/// What a handshake came to, for filters and for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite, as IANA names it.
    pub cipher: &'static str,
    /// The name that the client asked for.
    pub server_name: Option<Box<str>>,
    /// Verified.
    pub certificate: Option<ClientCertificate>,
}

/// A certificate that a client showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As it is written there: `C=SE, O=Shop, CN=alice`.
    pub subject: Box<str>,
    /// In lower-case hexadecimal digits.
    pub sha256: Box<str>,
    pub names: Box<[(NameKind, Box<str>)]>,
}

/// What an alternative name of a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    Dns,
    Email,
    Uri,
    Address,
}

impl NameKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Address => "ip",
        }
    }
}
