use std::net::IpAddr;

/// Who sent the request, as the proxy established it before any filter ran.
///
/// The address is the connection's own, or the one that a proxy trusted by the operator forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Where the request came from.
    pub address: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub secure: bool,
}

impl From<Client> for IpAddr {
    fn from(client: Client) -> Self {
        client.address
    }
}
