//! Where an endpoint is, as the operator writes it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::limits::{NAME_MAX, NAME_PART_MAX, SOCKET_PATH_MAX};

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    Ip(SocketAddr),
    /// A name that is looked up, and a port. In lower case, without the dot that may end it.
    Name(Box<str>, u16),
    /// The absolute path of a Unix socket.
    Unix(Box<str>),
}

impl Address {
    /// The address that nobody has to look up, where there is one.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(..) | Self::Unix(_) => None,
        }
    }

    /// The name that is to be looked up, and the port.
    pub fn name(&self) -> Option<(&str, u16)> {
        match self {
            Self::Name(name, port) => Some((name, *port)),
            Self::Ip(_) | Self::Unix(_) => None,
        }
    }
}

/// A text that nothing can be connected to by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error(
        "an address and a port, such as `10.0.1.4:80`, `[fd00::4]:80` or `shop.internal:80`, or `unix:` and a path"
    )]
    Malformed,
    #[error("a port is missing, such as the `:80` of `shop.internal:80`")]
    NoPort,
    #[error("port 0 cannot be connected to")]
    PortZero,
    #[error("this ends like an IP address, but is none: four numbers up to 255")]
    NotAnIp,
    #[error("the path of a Unix socket is absolute, such as `unix:/run/app.sock`")]
    RelativePath,
    #[error("the path of a Unix socket has at most {SOCKET_PATH_MAX} bytes")]
    LongPath,
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(NotAnAddress::PortZero) } else { Ok(Self::Ip(address)) };
        }
        let Some((name, port)) = text.rsplit_once(':') else {
            let alone = is_name(text) || text.parse::<std::net::IpAddr>().is_ok();
            return Err(if alone { NotAnAddress::NoPort } else { NotAnAddress::Malformed });
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if !is_name(&name) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnAddress::Malformed);
        }
        // No top-level domain is a number (RFC 3696 section 2): this is an address with a slip in it.
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(NotAnAddress::NotAnIp);
        }
        match port.parse() {
            Ok(0) => Err(NotAnAddress::PortZero),
            Ok(port) => Ok(Self::Name(name.into(), port)),
            Err(_) => Err(NotAnAddress::Malformed),
        }
    }
}

fn unix(path: &str) -> Result<Address, NotAnAddress> {
    if !path.starts_with('/') || path.contains('\0') {
        Err(NotAnAddress::RelativePath)
    } else if path.len() > SOCKET_PATH_MAX {
        Err(NotAnAddress::LongPath)
    } else {
        Ok(Address::Unix(path.into()))
    }
}

/// Whether this is a name that can be looked up, without the dot that may end it. Underscores are no
/// host's (RFC 952), but are in use.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let part = |part: &str| (1..=NAME_PART_MAX).contains(&part.len()) && part.bytes().all(allowed);
    text.len() <= NAME_MAX && text.split('.').all(part)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_the_same() {
        for text in ["10.0.1.4:80", "[fd00::4]:80", "shop.internal:443", "localhost:1", "unix:/run/app.sock"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("Shop.Internal.:443".parse(), Ok(Address::Name("shop.internal".into(), 443)));
        let longest = format!("unix:/{}", "a".repeat(SOCKET_PATH_MAX - 1));
        assert_eq!(longest.parse::<Address>().unwrap().to_string(), longest);
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        for (text, why) in [
            ("", NotAnAddress::Malformed),
            (":80", NotAnAddress::Malformed),
            ("shop", NotAnAddress::NoPort),
            ("10.0.1.4", NotAnAddress::NoPort),
            ("10.0.1.4:0", NotAnAddress::PortZero),
            ("shop:0", NotAnAddress::PortZero),
            ("shop:+1", NotAnAddress::Malformed),
            ("shop:65536", NotAnAddress::Malformed),
            ("http://shop:80", NotAnAddress::Malformed),
            ("shop..internal:80", NotAnAddress::Malformed),
            ("10.0.1:80", NotAnAddress::NotAnIp),
            ("10.0.1.256:80", NotAnAddress::NotAnIp),
            ("fd00::4:80", NotAnAddress::Malformed),
            ("unix:app.sock", NotAnAddress::RelativePath),
            ("unix:/a\0b", NotAnAddress::RelativePath),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text}");
        }
        let long = format!("unix:/{}", "a".repeat(SOCKET_PATH_MAX));
        assert_eq!(long.parse::<Address>(), Err(NotAnAddress::LongPath));
        assert_eq!(format!("{}:80", "a".repeat(64)).parse::<Address>(), Err(NotAnAddress::Malformed));
        assert_eq!(format!("{}:80", ["a"; 128].join(".")).parse::<Address>(), Err(NotAnAddress::Malformed));
    }
}
