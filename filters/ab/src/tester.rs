//! How testers get a variant of their choice.

use edgeloom_sdk::when::{Look, Source};
use edgeloom_sdk::{HeaderName, Settings};

use crate::experiment::Experiment;
use crate::ticket::{Ticket, Variants, is_bearer};

/// Where testers ask for variants.
#[derive(Debug, Settings)]
#[settings(from = Written)]
pub(crate) struct Tester {
    sources: Box<[Source]>,
    token: Option<Box<str>>,
    /// The header to ask in: the request goes on without it, for it has the token.
    pub(crate) header: Option<HeaderName>,
    /// Whether the cookie keeps what was asked for.
    pub(crate) sticky: bool,
}

impl Tester {
    /// The variants asked for, by somebody who may: `[token~]experiment.variant~…`.
    pub(crate) fn ask<'r>(&'r self, look: &mut Look<'r>, experiments: &[Experiment]) -> Variants {
        let Some(text) = self.sources.iter().find_map(|source| Some(look.text(source)?.into_owned())) else {
            return Variants::default();
        };
        let ticket = Ticket::read(&text, experiments);
        match (&self.token, &ticket.bearer) {
            (None, _) => ticket.variants,
            (Some(token), Some(bearer)) if same(token, bearer) => ticket.variants,
            (Some(_), _) => Variants::default(),
        }
    }
}

/// Takes as long for a good guess as for a bad one.
fn same(token: &str, guess: &str) -> bool {
    let difference = token.bytes().zip(guess.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    token.len() == guess.len() && difference == 0
}

/// The same, as the operator writes it.
#[derive(Settings)]
struct Written {
    query: Option<String>,
    header: Option<HeaderName>,
    token: Option<String>,
    #[settings(default)]
    sticky: bool,
}

impl TryFrom<Written> for Tester {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { query, header, token, sticky } = written;
        if !token.as_deref().is_none_or(is_bearer) {
            return Err("a token is 8 to 64 letters, digits, - and _");
        }
        if header.as_ref().is_some_and(HeaderName::is_reserved) {
            return Err("testers can not ask in a header that the proxy keeps to itself");
        }
        let query = query.map(|name| Source::Parameter(name.into()));
        let sources: Box<[Source]> = query.into_iter().chain(header.clone().map(Source::Header)).collect();
        if sources.is_empty() {
            return Err("testers ask in a `query` parameter or in a `header`: name one");
        }
        Ok(Self { sources, token: token.map(Into::into), header, sticky })
    }
}
