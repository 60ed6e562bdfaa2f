//! Gives every visitor a variant of each experiment, and the same one again.
//!
//! A visitor's variant is, in this order: what a tester asks for, what the visitor's cookie
//! remembers, and what a stable hash of the visitor draws. The request carries it on in a header and
//! in a fact; the response sets the cookie where there is something new to remember.

mod caching;
mod cookie;
mod experiment;
mod share;
mod tester;
mod ticket;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use edgeloom_sdk::settings::{OneOrMany, SettingsError};
use edgeloom_sdk::when::{Look, Source};
use edgeloom_sdk::{Edits, Memo, Remember, Request, Response, Settings, filter, header};

use caching::Caching;
use cookie::Cookie;
use experiment::Experiment;
use tester::Tester;
use ticket::Ticket;

/// The filter, and its settings.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub struct Ab {
    experiments: Vec<Experiment>,
    /// What visitors are known by, the best first; a cookie's invented visitor comes after all of it.
    #[settings(default)]
    visitor: OneOrMany<Source>,
    /// Whether a cookie keeps what visitors were given.
    #[settings(default = true)]
    sticky: bool,
    /// There as long as `sticky`.
    cookie: Option<Cookie>,
    testers: Option<Tester>,
    #[settings(default)]
    caching: Caching,
}

/// What the response is told by its request.
#[derive(Debug, Default, PartialEq, Remember)]
pub struct Mark {
    cookie: Option<String>,
    takes_part: bool,
}

#[filter]
impl Ab {
    /// Gives the visitor variants, and marks the request with them.
    #[on_request]
    fn assign(&self, request: &mut Request) -> Option<Memo<Mark>> {
        let mut look = Look::at(request);
        let cookie = self.cookie.as_ref().and_then(|cookie| look.text(&cookie.source).map(Cow::into_owned));
        let mut ticket = Ticket::read(cookie.as_deref().unwrap_or_default(), &self.experiments);
        let testers = self.testers.as_ref();
        let asked = testers.map(|testers| testers.ask(&mut look, &self.experiments)).unwrap_or_default();

        let mut edits = Edits::with_capacity(2 * self.experiments.len() + 1);
        let mut takes_part = false;
        for (index, experiment) in self.experiments.iter().enumerate() {
            let variant = match asked.of(index) {
                Some(variant) => {
                    if testers.is_some_and(|testers| testers.sticky) {
                        ticket.keep(index, variant);
                    }
                    Some(variant)
                }
                None => self.variant(index, experiment, &mut look, &mut ticket),
            };
            match variant.and_then(|variant| experiment.variants.get(variant)) {
                Some(variant) => {
                    edits.set(&experiment.header, &**variant).fact(&*experiment.fact, &**variant);
                    takes_part = true;
                }
                // Nobody takes part by sending the header.
                None => {
                    edits.remove(&experiment.header);
                }
            }
        }
        if let Some(header) = testers.and_then(|testers| testers.header.as_ref()) {
            edits.remove(header);
        }
        let cookie = self.cookie.as_ref().filter(|_| ticket.news);
        let cookie =
            cookie.map(|cookie| cookie.set(&ticket.write(&self.experiments), || request.client().secure));
        request.apply(&edits);
        let mark = Mark { cookie, takes_part: takes_part && self.caching != Caching::Unchanged };
        (mark != Mark::default()).then_some(Memo(mark))
    }

    /// Sets the cookie, and tells caches, where the request gave reason to.
    #[on_response]
    fn mark(&self, response: &mut Response, Memo(mark): Memo<Mark>) {
        let mut edits = Edits::new();
        if let Some(cookie) = mark.cookie {
            edits.add(header!("set-cookie"), cookie);
        }
        if mark.takes_part {
            self.caching.tell(response, &mut edits);
        }
        response.apply(&edits);
    }
}

impl Ab {
    /// The variant that this visitor has or, now, gets; `None` where the visitor does not take part.
    fn variant<'r>(
        &'r self,
        index: usize,
        experiment: &'r Experiment,
        look: &mut Look<'r>,
        ticket: &mut Ticket<'_>,
    ) -> Option<usize> {
        if !experiment.when.holds(look) {
            return None;
        }
        if let Some(kept) = ticket.variants.of(index) {
            return Some(kept);
        }
        let bucket = match look.bucket(experiment.seed, &self.visitor) {
            Some(bucket) => bucket,
            None => {
                // One whom nothing tells from others gets a name, if there is a cookie to keep it.
                self.cookie.as_ref()?;
                let visitor = ticket
                    .bearer_or_invent(|| look.text(&Source::Id).map(Cow::into_owned).unwrap_or_default());
                experiment.seed.bucket(visitor.as_bytes())
            }
        };
        let drawn = experiment.draw(bucket)?;
        ticket.keep(index, drawn);
        Some(drawn)
    }

    fn check(&mut self) -> Result<(), String> {
        if self.experiments.is_empty() || self.experiments.len() > EXPERIMENTS_MAX {
            return Err("there are from 1 to 32 experiments".into());
        }
        for (index, experiment) in self.experiments.iter().enumerate() {
            if self.experiments.iter().take(index).any(|earlier| earlier.name == experiment.name) {
                return Err(["experiment `", &experiment.name, "` is there twice"].concat());
            }
        }
        if !self.sticky && self.visitor.is_empty() {
            return Err(
                "without a cookie (`sticky: false`), visitors have to be known by something: see `visitor`"
                    .into(),
            );
        }
        match (self.sticky, &self.cookie) {
            (true, None) => {
                self.cookie = Some(Cookie::from_json("{}").map_err(SettingsError::into_string)?);
            }
            (false, Some(_)) => {
                return Err("there is a `cookie`, but with `sticky: false` it is not used".into());
            }
            (true, Some(_)) | (false, None) => {}
        }
        Ok(())
    }
}

/// As many as one cookie has room for.
const EXPERIMENTS_MAX: usize = 32;
