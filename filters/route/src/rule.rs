//! One rule: what is asked of a request, and what becomes of it.

use std::borrow::Cow;

use edgeloom_sdk::when::{Condition, Look, Source};
use edgeloom_sdk::{Answer, Cluster, Settings};

use crate::query::Query;
use crate::target::{Target, one_slash};

/// A rule, as the operator writes it.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub(crate) struct Rule {
    /// Left as the fact `route.rule`.
    pub(crate) name: Option<String>,
    #[settings(default)]
    pub(crate) when: Condition,
    pub(crate) to: Option<Cluster>,
    path: Option<Rewrite>,
    query: Option<Query>,
    pub(crate) redirect: Option<Redirect>,
}

/// How the path changes.
#[derive(Debug, Settings)]
enum Rewrite {
    /// The front is taken away: `/api/v1` becomes `/v1`.
    Strip(Prefix),
    /// The front is exchanged for another.
    Replace { from: Prefix, to: Prefix },
    /// The path is made of captures and sources.
    Set(Target),
}

/// The front of a path, without the slash after it: empty for all of them.
#[derive(Debug, Settings)]
#[settings(from = String)]
struct Prefix(String);

/// Where clients are sent instead.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub(crate) struct Redirect {
    to: Target,
    #[settings(default = 302)]
    status: u16,
}

impl Rule {
    /// The path and query to go on with; `None` where they stay as they are.
    pub(crate) fn target<'r>(&'r self, look: &mut Look<'r>) -> Option<String> {
        let moved = match &self.path {
            None => None,
            Some(Rewrite::Strip(from)) => replace(from, "", look),
            Some(Rewrite::Replace { from, to }) => replace(from, &to.0, look),
            Some(Rewrite::Set(target)) => Some(target.fill(self.when.paths(), look)),
        };
        match &self.query {
            None => moved,
            Some(query) => Some(query.edit(&moved.unwrap_or_else(|| unchanged(look)))),
        }
    }

    fn check(&mut self) -> Result<(), String> {
        if self.redirect.is_some() && (self.to.is_some() || self.path.is_some() || self.query.is_some()) {
            return Err(
                "a redirect goes back to the client: `to`, `path` and `query` have no place beside it".into(),
            );
        }
        let name = self.name.as_deref().unwrap_or("-");
        if !(1..=64).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err("a rule's name is short, and one line".into());
        }
        let set = if let Some(Rewrite::Set(target)) = &self.path { Some(target) } else { None };
        if set.is_some_and(|target| !target.is_local()) {
            return Err("`path.set` begins with `/` or `{path}`".into());
        }
        let targets = set.into_iter().chain(self.redirect.as_ref().map(|redirect| &redirect.to));
        for name in targets.flat_map(Target::captures) {
            let patterns = self.when.paths();
            let captured = |names: &[Box<str>]| names.iter().any(|known| **known == *name);
            if patterns.is_empty() || !patterns.iter().all(|pattern| captured(pattern.names())) {
                return Err(["`{", name, "}` is not captured by every `when.path` of this rule"].concat());
            }
        }
        Ok(())
    }
}

/// The path with another front, and the query as it is; `None` where the path has no such front.
fn replace(from: &Prefix, to: &str, look: &mut Look<'_>) -> Option<String> {
    let target = look.text(&Source::Target)?;
    let rest =
        target.strip_prefix(&*from.0).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))?;
    Some(one_slash(to, rest))
}

fn unchanged(look: &mut Look<'_>) -> String {
    look.text(&Source::Target).map(Cow::into_owned).unwrap_or_default()
}

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(written: String) -> Result<Self, Self::Error> {
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"?#*{}".contains(&byte);
        if !written.starts_with('/') || !written.bytes().all(legal) {
            return Err("the front of a path begins with `/`, is percent-encoded, and has no wildcards");
        }
        Ok(Self(written.trim_end_matches('/').into()))
    }
}

impl Redirect {
    pub(crate) fn answer<'r>(&'r self, rule: &Rule, look: &mut Look<'r>) -> Answer {
        Answer::redirect(self.status, self.to.fill(rule.when.paths(), look))
    }

    fn check(&mut self) -> Result<(), &'static str> {
        if ![301, 302, 303, 307, 308].contains(&self.status) {
            return Err("a redirect's status is 301, 302, 303, 307 or 308");
        }
        if !self.to.is_local() && !self.to.is_absolute() {
            return Err("`to` begins with `/`, `{path}`, `https://` or `http://`");
        }
        Ok(())
    }
}
