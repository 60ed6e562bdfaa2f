//! What a request's head has in it, found in one look at its lines.
//!
//! Of a dozen headers somebody wants to know whether they are there, and hardly ever one is: to ask the map for each costs
//! more than to read all names once.

use http::HeaderMap;

use crate::forward::is_a_proxys;

/// Headers that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked(u16);

impl Asked {
    const NONE: Self = Self(0);
    pub const CONNECTION: Self = Self(1);
    /// Meant for one hop, too, and not said by most browsers.
    pub const HOP_BY_HOP: Self = Self(1 << 1);
    pub const CONTENT_LENGTH: Self = Self(1 << 2);
    const COOKIE: Self = Self(1 << 3);
    /// In more lines than one.
    pub const COOKIES: Self = Self(1 << 4);
    pub const FORWARDED: Self = Self(1 << 5);
    pub const X_FORWARDED_FOR: Self = Self(1 << 6);
    pub const X_FORWARDED_HOST: Self = Self(1 << 7);
    pub const X_FORWARDED_PORT: Self = Self(1 << 8);
    pub const X_FORWARDED_PROTO: Self = Self(1 << 9);
    pub const X_REQUEST_ID: Self = Self(1 << 10);
    /// Any that [only a proxy may send](is_a_proxys).
    pub const A_PROXYS: Self = Self(1 << 11);

    /// The one of this name, in lower case.
    pub fn named(name: &str) -> Self {
        // By length first: nearly all names are none of these.
        match name.len() {
            2 if name == "te" => Self::HOP_BY_HOP,
            6 if name == "cookie" => Self::COOKIE,
            7 if name == "upgrade" || name == "trailer" => Self::HOP_BY_HOP,
            9 if name == "forwarded" => Self::FORWARDED,
            10 if name == "connection" => Self::CONNECTION,
            10 if name == "keep-alive" => Self::HOP_BY_HOP,
            12 if name == "x-request-id" => Self::X_REQUEST_ID,
            14 if name == "content-length" => Self::CONTENT_LENGTH,
            14 if name == "http2-settings" => Self::HOP_BY_HOP,
            15 if name == "x-forwarded-for" => Self::X_FORWARDED_FOR,
            16 if name == "x-forwarded-host" => Self::X_FORWARDED_HOST,
            16 if name == "x-forwarded-port" => Self::X_FORWARDED_PORT,
            16 if name == "proxy-connection" => Self::HOP_BY_HOP,
            17 if name == "x-forwarded-proto" => Self::X_FORWARDED_PROTO,
            17 if name == "transfer-encoding" => Self::HOP_BY_HOP,
            18 if name == "proxy-authenticate" => Self::HOP_BY_HOP,
            19 if name == "proxy-authorization" => Self::HOP_BY_HOP,
            _ => Self::NONE,
        }
    }

    /// Either of the two.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is meant for one hop only (RFC 9110 section 7.6.1).
    pub fn is_hop_by_hop(self) -> bool {
        self == Self::CONNECTION || self == Self::HOP_BY_HOP
    }
}

/// What there is in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// Of names and values.
    pub bytes: usize,
    there: Asked,
}

impl Survey {
    pub fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            survey.bytes += name.len() + value.len();
            let asked = Asked::named(name);
            if asked == Asked::COOKIE && survey.has(Asked::COOKIE) {
                survey.there = survey.there.or(Asked::COOKIES);
            }
            survey.there = survey.there.or(asked);
            if name.starts_with(['f', 'x']) && is_a_proxys(name) {
                survey.there = survey.there.or(Asked::A_PROXYS);
            }
        }
        survey
    }

    /// Whether one of these is there.
    pub fn has(self, any: Asked) -> bool {
        self.there.0 & any.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn survey(names: &[&'static str]) -> Survey {
        let lines = names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")));
        let mut headers = HeaderMap::new();
        headers.extend(lines);
        Survey::of(&headers)
    }

    #[test]
    fn what_is_there_is_found() {
        let asked = [
            (Asked::CONNECTION, "connection"),
            (Asked::CONTENT_LENGTH, "content-length"),
            (Asked::FORWARDED, "forwarded"),
            (Asked::X_FORWARDED_FOR, "x-forwarded-for"),
            (Asked::X_FORWARDED_HOST, "x-forwarded-host"),
            (Asked::X_FORWARDED_PORT, "x-forwarded-port"),
            (Asked::X_FORWARDED_PROTO, "x-forwarded-proto"),
            (Asked::X_REQUEST_ID, "x-request-id"),
        ];
        for (header, name) in asked {
            for (other, named) in asked {
                assert_eq!(survey(&["host", named, "accept"]).has(header), header == other, "{name} {named}");
            }
            assert_eq!(survey(&[name]).has(Asked::A_PROXYS), is_a_proxys(name), "{name}");
        }
        assert!(survey(&["x_forwarded_user"]).has(Asked::A_PROXYS));
    }

    #[test]
    fn lines_are_counted_and_weighed() {
        assert!(!survey(&["cookie", "host"]).has(Asked::COOKIES));
        assert!(survey(&["cookie", "host", "cookie"]).has(Asked::COOKIES));
        assert_eq!(survey(&["cookie", "host", "cookie"]).bytes, 19);
    }

    #[test]
    fn all_that_pingora_takes_out_is_known() {
        let for_one_hop = [
            "connection",
            "http2-settings",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        assert!(for_one_hop.iter().all(|name| Asked::named(name).is_hop_by_hop()));
        assert!(!Asked::named("upgrade-insecure-requests").is_hop_by_hop());
    }
}
