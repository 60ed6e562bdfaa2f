//! How a filter fails, and what is made of it.

/// One call failed. It ended that call's instance and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest returned an error; this is its text.
    #[error("returned an error: {0}")]
    Returned(String),
    /// The guest trapped, or broke the contract; this says how.
    #[error("trapped: {0}")]
    Trapped(String),
    /// The guest was still running at its deadline.
    #[error("overran its deadline")]
    Overran,
    /// The guest asked for more memory than its limit, or left more than it may; this says of what.
    #[error("outgrew its limits: {0}")]
    Outgrew(String),
}

/// The four ways to fail, as metrics and the access log name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    Returned,
    Trapped,
    Overran,
    Outgrew,
}

impl Fault {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Returned(_) => FaultKind::Returned,
            Self::Trapped(_) => FaultKind::Trapped,
            Self::Overran => FaultKind::Overran,
            Self::Outgrew(_) => FaultKind::Outgrew,
        }
    }
}

impl FaultKind {
    pub const ALL: [Self; 4] = [Self::Returned, Self::Trapped, Self::Overran, Self::Outgrew];

    pub fn name(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Trapped => "trapped",
            Self::Overran => "overran",
            Self::Outgrew => "outgrew",
        }
    }
}

/// What the operator wants done about a fault.
///
/// `Fail` is the default: a filter may be what keeps people out, and a request
/// that it did not see must not pass unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFault {
    /// Go on as if the filter were not in the chain.
    Skip,
    /// Answer the client with an error.
    #[default]
    Fail,
}
