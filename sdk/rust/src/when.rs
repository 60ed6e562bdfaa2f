//! Conditions on a request, as operators write them under `when:`, for filters that work by rules.
//!
//! The proxy has a `when:` of its own for each filter in a chain, and that one is cheaper: a request
//! that does not match never reaches the filter. A [`Condition`] is for what differs from rule to
//! rule *inside* a filter, and for what only filters know: facts, cookies, shares of the visitors.
//!
//! ```
//! use edgeloom_sdk::when::{Condition, Look};
//! use edgeloom_sdk::{Answer, Request, Settings, filter};
//!
//! #[derive(Settings)]
//! struct Closed { rules: Vec<Rule> }
//!
//! #[derive(Settings)]
//! struct Rule { #[settings(default)] when: Condition, text: String }
//!
//! #[filter]
//! impl Closed {
//!     #[on_request]
//!     fn answer(&self, request: &mut Request) -> Option<Answer> {
//!         let mut look = Look::at(request);
//!         let rule = self.rules.iter().find(|rule| rule.when.holds(&mut look))?;
//!         Some(Answer::text(503, &*rule.text))
//!     }
//! }
//!
//! Closed::from_yaml("
//!     rules:
//!       - text: Closed in the Nordic countries.
//!         when: { country: [SE, 'NO'], path: /shop/*, cookies: { staff: '!' } }
//! ").unwrap();
//! ```

mod bucket;
mod condition;
mod look;
mod pattern;
#[cfg(test)]
mod tests;

pub use bucket::Seed;
pub use condition::{Condition, Share};
pub use look::{Look, Source};
pub use pattern::{PathPattern, PatternError, ValuePattern};
