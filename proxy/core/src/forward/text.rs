//! Short texts without memory of their own: they are made for every request.

use std::fmt::Write as _;
use std::net::IpAddr;

/// The last `N` hexadecimal digits, in lower case.
pub(super) fn hexadecimal<const N: usize>(bits: u128) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [b'0'; N];
    let mut rest = bits;
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get((rest & 0xf) as usize).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    digits
}

/// Digits as a text.
pub(super) fn of(digits: &[u8]) -> &str {
    // Digits are ASCII.
    std::str::from_utf8(digits).unwrap_or_default()
}

/// An address as it is written.
pub(super) struct Address {
    bytes: [u8; ADDRESS_MAX],
    length: usize,
}

/// The longest IPv6 address, in eight groups of four digits.
const ADDRESS_MAX: usize = 39;

impl Address {
    pub(super) fn of(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; ADDRESS_MAX], length: 0 };
        match address {
            // The general way through `Display` takes several times as long.
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                text.decimal(first);
                for octet in rest {
                    text.push(b'.');
                    text.decimal(octet);
                }
            }
            // It fits: no address is longer.
            IpAddr::V6(address) => drop(write!(text, "{address}")),
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn decimal(&mut self, octet: u8) {
        if octet >= 100 {
            self.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            self.push(b'0' + octet / 10 % 10);
        }
        self.push(b'0' + octet % 10);
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

impl std::fmt::Write for Address {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}
