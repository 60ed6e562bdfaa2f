//! W3C Trace Context: the trace that a request belongs to, and the edge's span in it.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::text;

/// Whose traces are continued. Only where the edge takes part does it make spans of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continued {
    /// The edge takes no part: the headers pass as they came.
    Untouched,
    /// Nobody's: every exchange begins a trace.
    Nobodys,
    /// Those of trusted peers.
    Trusted,
    /// Everybody's.
    Everybodys,
}

/// The edge's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Not zero.
    id: u128,
    /// Not zero.
    span: u64,
    sampled: bool,
}

impl Trace {
    /// The identifier of the trace, as the header writes it.
    pub fn id(&self) -> impl fmt::Display {
        Digits(text::hexadecimal::<32>(self.id))
    }

    /// The identifier of the edge's span in it.
    pub fn span(&self) -> impl fmt::Display {
        Digits(text::hexadecimal::<16>(self.span.into()))
    }

    fn header(&self) -> Option<HeaderValue> {
        let flags = u8::from(self.sampled);
        HeaderValue::try_from(format!("00-{}-{}-{flags:02x}", self.id(), self.span())).ok()
    }

    /// Reads a `traceparent`, as its version 00 defines it. Later versions begin the same way, and may go on after a
    /// further `-`; ff is none.
    fn parse(text: &[u8]) -> Option<Self> {
        let (parent, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = parent.split(|byte| *byte == b'-');
        let version = digits(fields.next()?, 2)?;
        let goes_on = version != 0 && rest.first() == Some(&b'-');
        if version == 0xff || !(rest.is_empty() || goes_on) {
            return None;
        }
        let id = digits(fields.next()?, 32).filter(|id| *id != 0)?;
        let span = digits(fields.next()?, 16).filter(|span| *span != 0)?;
        let flags = digits(fields.next()?, 2)?;
        Some(Self { id, span: u64::try_from(span).ok()?, sampled: flags & 1 == 1 })
    }
}

struct Digits<const N: usize>([u8; N]);

impl<const N: usize> fmt::Display for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text::of(&self.0))
    }
}

/// Makes the edge's span, and tells whoever is behind it.
///
/// What can not be read begins a new trace, and takes the `tracestate` with it: nobody knows what it belongs to. So
/// does a trace that is not to be continued.
pub(super) fn take_part(
    headers: &mut HeaderMap,
    continued: Continued,
    trusted: bool,
    draw: &mut impl FnMut() -> u64,
) -> Option<Box<Trace>> {
    let is_believed = match continued {
        Continued::Untouched => return None,
        Continued::Nobodys => false,
        Continued::Trusted => trusted,
        Continued::Everybodys => true,
    };
    let mut not_zero =
        || std::iter::repeat_with(&mut *draw).take(DRAWS_MAX).find(|drawn| *drawn != 0).unwrap_or(1);
    let span = not_zero();
    let trace = match is_believed.then(|| sent(headers)).flatten() {
        Some(sent) => Trace { span, ..sent },
        None => {
            headers.remove(TRACESTATE);
            let id = u128::from(not_zero()) << 64 | u128::from(not_zero());
            // The log has a line about every exchange.
            Trace { id, span, sampled: true }
        }
    };
    headers.insert(TRACEPARENT, trace.header()?);
    Some(Box::new(trace))
}

/// Two lines are as good as none: nothing says which is meant.
fn sent(headers: &HeaderMap) -> Option<Trace> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    match (lines.next(), lines.next()) {
        (Some(only), None) => Trace::parse(only.as_bytes()),
        _ => None,
    }
}

/// Lower case only: an upper-case digit makes the whole header invalid.
fn digits(field: &[u8], length: usize) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let legal = field.len() == length && field.iter().all(is_digit);
    legal.then(|| u128::from_str_radix(text::of(field), 16).ok()).flatten()
}

/// Of `00-`, 32 digits, `-`, 16 digits, `-` and two digits.
const LENGTH: usize = 55;
/// A source of random numbers that gives as many zeros in a row gives nothing else.
const DRAWS_MAX: usize = 8;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
