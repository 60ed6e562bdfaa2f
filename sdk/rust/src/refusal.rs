use std::fmt;

/// Why an edit was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a legal name, value, path or status.
    Malformed,
    /// The proxy keeps this header to itself.
    Reserved,
    /// The head, or the facts, would grow past their limit.
    TooLarge,
    /// The operator has not granted this cluster.
    NotGranted,
}

impl Refusal {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "not a legal name, value, path or status",
            Self::Reserved => "the proxy keeps this header to itself",
            Self::TooLarge => "past the limit",
            Self::NotGranted => "the operator has not granted this cluster",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Refusal {}

/// The edits of one call that its filter took for granted and the proxy
/// refused: the first of them ends the call as a fault, with this sentence.
#[derive(Debug, Default)]
pub(crate) struct Refused(Option<String>);

impl Refused {
    #[inline]
    pub(crate) fn note(&mut self, made: Result<(), Refusal>, verb: &str, object: &str) {
        if let Err(refusal) = made {
            self.keep(refusal, verb, object);
        }
    }

    // Texts are joined, not formatted: `std::fmt` is a third of a small guest.
    #[cold]
    #[inline(never)]
    pub(crate) fn keep(&mut self, refusal: Refusal, verb: &str, object: &str) {
        if self.0.is_none() {
            self.0 = Some(["could not ", verb, " `", object, "`: ", refusal.as_str()].concat());
        }
    }

    pub(crate) fn take(&mut self) -> Option<String> {
        self.0.take()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}
