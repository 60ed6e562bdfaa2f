//! Whether a request that an endpoint has failed is sent to another.

mod budget; // how many of all

use std::time::Duration;

use http::{Method, StatusCode};

use crate::units::Percent;

pub use budget::Budget;

/// What an endpoint can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It could not be connected to: nothing of the request has reached it.
    Connect,
    /// It broke off, or what it said is no HTTP.
    Reset,
    /// It took too long.
    Timeout,
    /// It answered with a status that says that it cannot.
    Status(StatusCode),
}

/// When there is another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Further tries after the first.
    pub tries: u8,
    pub on: Vec<Occasion>,
    /// How long each try may take to begin its response.
    pub per_try: Option<Duration>,
    /// The share of the requests of the last seconds that may be tries again.
    pub budget: Percent,
}

/// What another try may be made after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occasion {
    Connect,
    Reset,
    Timeout,
    Status(StatusCode),
}

/// How things stand when an endpoint has failed.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub trouble: Trouble,
    pub method: &'a Method,
    /// How many tries were made, with the first.
    pub tries: usize,
    /// The client has seen the beginning of a response.
    pub answered: bool,
    /// All of the body that was sent is still there, or none was.
    pub repeatable: bool,
}

impl Retry {
    /// Whether the request may be sent again, as far as that depends on it alone: there must be another endpoint, too,
    /// and something left of the budget.
    pub fn allows(&self, situation: Situation<'_>) -> bool {
        let Situation { trouble, method, tries, answered, repeatable } = situation;
        // What has reached nobody may be sent again, whatever it is; else only what may be done twice (RFC 9110
        // section 9.2.2).
        let harmless = trouble == Trouble::Connect || method.is_idempotent();
        let occasion = self.on.iter().any(|occasion| occasion.is(trouble));
        tries <= usize::from(self.tries) && occasion && harmless && repeatable && !answered
    }

    /// Whether a response with this status is thrown away for another try, if one is allowed.
    pub fn is_on(&self, status: StatusCode) -> bool {
        self.on.contains(&Occasion::Status(status))
    }
}

impl Occasion {
    fn is(self, trouble: Trouble) -> bool {
        self == match trouble {
            Trouble::Connect => Self::Connect,
            Trouble::Reset => Self::Reset,
            Trouble::Timeout => Self::Timeout,
            Trouble::Status(status) => Self::Status(status),
        }
    }
}

/// Whether a status says that it is the endpoint that cannot answer, and not that the request cannot be answered.
pub fn is_trouble(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Occasion; 4] = [
        Occasion::Connect,
        Occasion::Reset,
        Occasion::Timeout,
        Occasion::Status(StatusCode::SERVICE_UNAVAILABLE),
    ];

    fn retry(tries: u8, on: &[Occasion]) -> Retry {
        Retry { tries, on: on.to_vec(), per_try: None, budget: Percent(20) }
    }

    fn after<'a>(trouble: Trouble, method: &'a Method) -> Situation<'a> {
        Situation { trouble, method, tries: 1, answered: false, repeatable: true }
    }

    #[test]
    fn what_has_reached_nobody_may_be_sent_again() {
        let retry = retry(1, &ALL);
        assert!(retry.allows(after(Trouble::Connect, &Method::POST)));
        for trouble in [Trouble::Reset, Trouble::Timeout, Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)] {
            assert!(!retry.allows(after(trouble, &Method::POST)), "{trouble:?}");
            assert!(retry.allows(after(trouble, &Method::PUT)), "{trouble:?}");
        }
    }

    #[test]
    fn only_on_what_was_asked_for() {
        assert!(!retry(1, &[Occasion::Connect]).allows(after(Trouble::Reset, &Method::GET)));
        let bad = Trouble::Status(StatusCode::BAD_GATEWAY);
        assert!(!retry(1, &ALL).allows(after(bad, &Method::GET)));
    }

    proptest! {
        #[test]
        fn nothing_is_sent_again_that_must_not_be(
            most in 0..6_u8, tries in 1..8_usize, answered: bool, repeatable: bool, post: bool, kind in 0..4_usize,
        ) {
            let method = if post { Method::POST } else { Method::GET };
            let trouble = [
                Trouble::Connect, Trouble::Reset, Trouble::Timeout, Trouble::Status(StatusCode::SERVICE_UNAVAILABLE),
            ][kind];
            let allowed = retry(most, &ALL)
                .allows(Situation { trouble, method: &method, tries, answered, repeatable });
            prop_assert!(!allowed || (!answered && repeatable && tries <= usize::from(most)));
            prop_assert!(!allowed || !post || trouble == Trouble::Connect);
        }
    }
}
