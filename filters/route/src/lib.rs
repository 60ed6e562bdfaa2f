//! Sends requests on by rules: to another cluster, under another path, or back with a redirect.
//!
//! The first rule that holds goes. Without one, a request takes its route's way.

mod query;
mod rule;
mod target;

#[cfg(test)]
mod tests;

use edgeloom_sdk::when::{Condition, Look};
use edgeloom_sdk::{Answer, Refusal, Request, Settings, filter};

use rule::Rule;

/// The filter, and its settings.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub struct Route {
    rules: Vec<Rule>,
}

#[filter]
impl Route {
    #[on_request]
    fn route(&self, request: &mut Request) -> Option<Answer> {
        let mut look = Look::at(request);
        let rule = self.rules.iter().find(|rule| rule.when.holds(&mut look))?;
        let answer = rule.redirect.as_ref().map(|redirect| redirect.answer(rule, &mut look));
        let target = rule.target(&mut look);
        if let Some(name) = &rule.name {
            request.set_fact("route.rule", name);
        }
        if let Some(cluster) = &rule.to {
            request.route_to(cluster);
        }
        // The client has a say in how long a rewritten path is.
        let refused = target.and_then(|target| request.try_set_path(&target).err());
        answer.or(refused.map(refusal))
    }
}

fn refusal(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::TooLarge => Answer::text(414, "The path is too long.\n"),
        Refusal::Malformed | Refusal::Reserved | Refusal::NotGranted => {
            Answer::text(400, "The path is not valid.\n")
        }
    }
}

impl Route {
    fn check(&mut self) -> Result<(), String> {
        if self.rules.len() > RULES_MAX {
            return Err("these are more than 1000 rules".into());
        }
        let always = self.rules.iter().position(|rule| rule.when == Condition::default());
        if always.is_some_and(|always| always + 1 < self.rules.len()) {
            return Err("a rule without `when` holds always: the rules after it are never reached".into());
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(name) = &rule.name
                && self.rules.iter().take(index).any(|earlier| earlier.name.as_ref() == Some(name))
            {
                return Err(["rule `", name, "` is there twice"].concat());
            }
        }
        Ok(())
    }
}

/// They are asked one after the other.
const RULES_MAX: usize = 1000;
