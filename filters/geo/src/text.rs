//! Texts for headers, written without the formatting machinery: they are made for every request.

use std::borrow::Cow;

/// Percent-encodes what is not visible ASCII or a space, and `%` itself, so that it can be undone.
pub(crate) fn percent(text: Cow<'_, str>) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'%';
    if text.bytes().all(plain) {
        return text;
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(byte.into());
        } else {
            encoded.extend(['%', hex(byte >> 4), hex(byte & 0xf)]);
        }
    }
    encoded.into()
}

fn hex(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'A' - 10 + nibble })
}

/// The number as people write it.
pub(crate) fn decimal(number: u32) -> String {
    digits(number, 1)
}

/// Degrees with five decimals, which is a metre: `-83.70590`. `None` where no place on earth is meant.
pub(crate) fn degrees(degrees: f64) -> Option<String> {
    if !(-360.0..=360.0).contains(&degrees) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 36 million, see above"
    )]
    let scaled = (degrees.abs() * 1e5).round() as u32;
    let mut text = digits(scaled, 6);
    text.insert(text.len() - 5, '.');
    if degrees < 0.0 && scaled > 0 {
        text.insert(0, '-');
    }
    Some(text)
}

/// With zeros in front, so that there are at least so many digits.
fn digits(mut number: u32, least: usize) -> String {
    let mut digits = [b'0'; 10];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        if number == 0 && used >= least {
            break;
        }
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
    }
    digits.iter().skip(10 - used).copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_header_should_not_have_is_encoded() {
        for (text, encoded) in [
            ("New York", "New York"),
            ("Göteborg", "G%C3%B6teborg"),
            ("北京", "%E5%8C%97%E4%BA%AC"),
            ("100% \u{7f}\n", "100%25 %7F%0A"),
        ] {
            assert_eq!(percent(text.into()), encoded);
        }
    }

    #[test]
    fn degrees_have_five_decimals() {
        for (number, text) in [
            (42.3068, "42.30680"),
            (-83.7059, "-83.70590"),
            (0.0, "0.00000"),
            (-0.000_001, "0.00000"),
            (0.123_456_7, "0.12346"),
            (-0.5, "-0.50000"),
            (180.0, "180.00000"),
        ] {
            assert_eq!(degrees(number).as_deref(), Some(text));
        }
        assert_eq!([f64::NAN, f64::INFINITY, 1e9].map(degrees), [None, None, None]);
    }

    #[test]
    fn numbers_are_those_of_display() {
        for number in [0, 9, 10, 64_496, u32::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }
}
