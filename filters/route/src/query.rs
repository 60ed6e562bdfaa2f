//! Edits of a request's query.

use edgeloom_sdk::Settings;
use edgeloom_sdk::settings::{OneOrMany, Ordered};
use edgeloom_sdk::when::ValuePattern;

use crate::target::encode;

/// Parameters that are taken away and set.
#[derive(Debug, Settings)]
pub(crate) struct Query {
    /// By name, as it is written in the query, or by wildcard.
    #[settings(default)]
    remove: OneOrMany<ValuePattern>,
    /// After the others, in place of those of the same name.
    #[settings(default)]
    set: Ordered<String, String>,
}

impl Query {
    /// The path and query with these edits.
    pub(crate) fn edit(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut edited = path.to_owned();
        let mut add = |pair: &str| {
            edited.push(if edited.len() == path.len() { '?' } else { '&' });
            edited.push_str(pair);
        };
        query.split('&').filter(|pair| !pair.is_empty() && !self.takes(pair)).for_each(&mut add);
        for (name, value) in self.set.iter() {
            let mut pair = String::new();
            encode(name.as_bytes(), &mut pair);
            pair.push('=');
            encode(value.as_bytes(), &mut pair);
            add(&pair);
        }
        edited
    }

    fn takes(&self, pair: &str) -> bool {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        self.set.iter().any(|(set, _)| set == name)
            || self.remove.iter().any(|pattern| pattern.matches(Some(name.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, target: &str, edited: &str) {
        assert_eq!(Query::from_yaml(query).unwrap().edit(target), edited, "{query}");
    }

    #[test]
    fn parameters_are_removed_and_set() {
        check("{}", "/a?x=1&y", "/a?x=1&y");
        check("{ remove: [utm_*, ref] }", "/a?utm_source=x&q=1&ref=y&utm_id", "/a?q=1");
        check("{ remove: '*' }", "/a?x=1&y=2", "/a");
        check("{ set: { lang: sv se } }", "/a?lang=en&q=1&lang", "/a?q=1&lang=sv%20se");
        check("{ set: { v: '2' } }", "/a", "/a?v=2");
        check("{ set: { v: '2' } }", "/a?&&", "/a?v=2");
    }
}
