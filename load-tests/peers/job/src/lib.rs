//! The four-part job, as far as it is the same wherever it is done in Rust: natively on Pingora, and
//! in Envoy's Wasm filters.
//!
//! Written as somebody would who knows that there is one experiment with two variants, and two
//! clusters: nothing is configured, nothing allocated.

/// A variant of the experiment `checkout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Blue,
    Green,
}

impl Variant {
    /// The one that the cookie remembers, if it is one that exists.
    pub fn kept(cookies: &[u8]) -> Option<Self> {
        let mut pairs = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        match pairs.find_map(|pair| pair.strip_prefix(b"ab="))? {
            b"checkout.blue" => Some(Self::Blue),
            b"checkout.green" => Some(Self::Green),
            _ => None,
        }
    }

    /// The one that falls to this client: the same one again, on every node.
    ///
    /// Version 2 of GrowthBook's hash, as the `ab` filter has it.
    pub fn drawn(client: &[u8]) -> Self {
        let mut digits = [0; 10];
        let once = fnv1a(fnv1a(EMPTY, b"checkout"), client);
        let twice = fnv1a(EMPTY, decimal(once, &mut digits));
        if twice % 10_000 < 5_000 { Self::Blue } else { Self::Green }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }

    /// The `set-cookie` that makes it stick.
    pub const fn cookie(self) -> &'static str {
        match self {
            Self::Blue => "ab=checkout.blue; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
            Self::Green => "ab=checkout.green; Max-Age=7776000; Path=/; SameSite=Lax; HttpOnly",
        }
    }
}

/// Whether clients from there are sent to the cluster `north`.
pub fn is_north(country: &[u8]) -> bool {
    matches!(country, b"DK" | b"FI" | b"IS" | b"NO" | b"SE")
}

/// The path and query without `/shop`, where they begin with it.
pub fn without_prefix(target: &str) -> Option<&str> {
    target.strip_prefix("/shop").filter(|rest| rest.starts_with('/'))
}

/// Whether a request header of this name is kept from origins.
pub fn is_internal(name: &[u8]) -> bool {
    name.get(..INTERNAL.len()).is_some_and(|head| head.eq_ignore_ascii_case(INTERNAL))
}

const INTERNAL: &[u8] = b"x-internal-";

fn fnv1a(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// FNV-1a's hash of nothing.
const EMPTY: u32 = 0x811c_9dc5;

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    digits.get(digits.len() - used..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_cookie_decides() {
        for (cookies, kept) in [
            ("session=1; ab=checkout.green", Some(Variant::Green)),
            ("ab=checkout.blue;session=1", Some(Variant::Blue)),
            ("ab=checkout.red", None),
            ("ab=", None),
            ("tab=checkout.green", None),
            ("session=ab=checkout.green", None),
            ("", None),
        ] {
            assert_eq!(Variant::kept(cookies.as_bytes()), kept, "{cookies}");
        }
        for variant in [Variant::Blue, Variant::Green] {
            assert_eq!(Variant::kept(variant.cookie().as_bytes()), Some(variant));
            assert!(variant.cookie().contains(variant.name()));
        }
    }

    #[test]
    fn the_draw_is_growthbooks() {
        // Published for the seed and visitor `seeda`: bucket 0.0505.
        let mut digits = [0; 10];
        let once = fnv1a(EMPTY, b"seeda");
        assert_eq!(fnv1a(EMPTY, decimal(once, &mut digits)) % 10_000, 505);
        assert_eq!(decimal(0, &mut digits), b"0");
        assert_eq!(decimal(u32::MAX, &mut digits), b"4294967295");
    }

    #[test]
    fn about_half_of_the_clients_are_blue() {
        let clients = (0..10_000).map(|host| format!("192.0.{}.{}", host / 256, host % 256));
        let blue = clients.filter(|client| Variant::drawn(client.as_bytes()) == Variant::Blue).count();
        assert!((4_800..5_200).contains(&blue), "{blue}");
    }

    #[test]
    fn only_a_whole_first_segment_is_stripped() {
        for (target, rest) in [
            ("/shop/articles/tea?page=2", Some("/articles/tea?page=2")),
            ("/shop/", Some("/")),
            ("/shopping/", None),
            ("/shop", None),
            ("/", None),
        ] {
            assert_eq!(without_prefix(target), rest, "{target}");
        }
    }

    #[test]
    fn the_north_is_the_nordic_countries() {
        assert!(is_north(b"IS") && !is_north(b"DE") && !is_north(b""));
    }

    #[test]
    fn internal_headers_are_known_by_their_beginning() {
        assert!(is_internal(b"x-internal-debug") && is_internal(b"X-Internal-"));
        assert!(!is_internal(b"x-internal") && !is_internal(b"x-edge") && !is_internal(b""));
    }
}
