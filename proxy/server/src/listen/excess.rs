//! What a client of HTTP/2 does that its connection is ended for.

use h2::Reason;

/// Why a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    #[error("the client reset too many streams")]
    Resets,
    #[error("the client made too many streams be reset")]
    Refusals,
    #[error("the client sent too many frames that ask for nothing")]
    ControlFrames,
    #[error("the client sent too many malformed requests")]
    Malformed,
    /// By the library behind us: heads that are much too large, or in too many pieces; pieces of bodies with nothing in them.
    #[error("the client sent much more than it should")]
    Library,
    #[error("the client broke the rules of HTTP/2: {0}")]
    Broken(Reason),
}

impl Excess {
    /// Why the library has ended a connection, if that was for what the client sent.
    pub(super) fn of(error: &pingora_core::Error) -> Option<Self> {
        let error: &h2::Error = error.root_cause().downcast_ref()?;
        let reason = error.reason().filter(|_| error.is_go_away() && error.is_library())?;
        Some(if reason == Reason::ENHANCE_YOUR_CALM { Self::Library } else { Self::Broken(reason) })
    }

    /// As it is counted.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::Refusals => "refusals",
            Self::ControlFrames => "control_frames",
            Self::Malformed => "malformed",
            Self::Library => "much_too_much",
            Self::Broken(_) => "broken",
        }
    }

    pub(crate) const NAMES: [&'static str; 6] =
        ["resets", "refusals", "control_frames", "malformed", "much_too_much", "broken"];
}
