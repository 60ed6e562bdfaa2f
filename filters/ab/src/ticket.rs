//! What a visitor's cookie remembers, and what a tester asks for: both are written alike.
//!
//! ```text
//! 6b1f0c55d2a94e07~checkout.green~banner.control
//! ```
//!
//! First the bearer: the visitor, where one had to be invented, or the tester's token. Then a variant
//! for each experiment. All its characters are at home in URLs and cookies: nothing on the way
//! encodes them.

use std::borrow::Cow;

use crate::experiment::Experiment;

/// Who has which variants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket<'t> {
    pub(crate) bearer: Option<Cow<'t, str>>,
    pub(crate) variants: Variants,
    /// Whether it has to be written anew: it was changed, or had something in it that means nothing (any more).
    pub(crate) news: bool,
}

impl<'t> Ticket<'t> {
    /// Reads what a client sent. Whatever that is, only known variants and a harmless bearer come out.
    pub(crate) fn read(text: &'t str, experiments: &[Experiment]) -> Self {
        let mut ticket = Self { news: text.len() > TEXT_MAX, ..Self::default() };
        let text = if ticket.news { "" } else { text };
        for (index, entry) in text.split('~').enumerate() {
            match entry.split_once('.') {
                Some((experiment, variant)) => match find(experiments, experiment, variant) {
                    Some(pair) if ticket.variants.of(pair.0).is_none() => ticket.variants.0.push(pair),
                    Some(_) | None => ticket.news = true,
                },
                None if index == 0 && is_bearer(entry) => ticket.bearer = Some(entry.into()),
                None => ticket.news |= !entry.is_empty(),
            }
        }
        ticket
    }

    /// Puts this variant in the place of what there was.
    pub(crate) fn keep(&mut self, experiment: usize, variant: usize) {
        if self.variants.of(experiment) != Some(variant) {
            self.variants.0.retain(|(known, _)| *known != experiment);
            self.variants.0.push((experiment, variant));
            self.news = true;
        }
    }

    /// Who has this ticket: where nobody is named in it, a visitor is invented.
    ///
    /// Filters have no randomness, but every exchange has its own identifier: the visitor is its FNV-1a hash.
    pub(crate) fn bearer_or_invent(&mut self, exchange: impl FnOnce() -> String) -> &str {
        self.bearer.get_or_insert_with(|| {
            self.news = true;
            invent(&exchange()).into()
        })
    }

    /// The text that [`read`](Self::read) reads.
    pub(crate) fn write(&self, experiments: &[Experiment]) -> String {
        let mut text = self.bearer.as_deref().unwrap_or_default().to_owned();
        for (experiment, variant) in &self.variants.0 {
            let Some(experiment) = experiments.get(*experiment) else { continue };
            let Some(variant) = experiment.variants.get(*variant) else { continue };
            let gap = if text.is_empty() { "" } else { "~" };
            text.extend([gap, &*experiment.name, ".", &**variant]);
        }
        text
    }
}

/// An experiment and a variant of it, as indexes; at most one for each experiment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Variants(Vec<(usize, usize)>);

impl Variants {
    pub(crate) fn of(&self, experiment: usize) -> Option<usize> {
        self.0.iter().find(|(known, _)| *known == experiment).map(|(_, variant)| *variant)
    }
}

/// No browser keeps a longer cookie.
const TEXT_MAX: usize = 4 * 1024;

fn find(experiments: &[Experiment], name: &str, variant: &str) -> Option<(usize, usize)> {
    let at = experiments.iter().position(|experiment| *experiment.name == *name)?;
    let variants = &experiments.get(at)?.variants;
    Some((at, variants.iter().position(|known| **known == *variant)?))
}

/// Whether this can be a visitor that was invented here, or a token.
pub(crate) fn is_bearer(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

fn invent(exchange: &str) -> String {
    let hash = exchange.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digit = |nibble: u32| char::from_digit((hash >> (4 * nibble) & 0xf) as u32, 16).unwrap_or('0');
    (0..16).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::tests::experiment;

    fn experiments() -> Vec<Experiment> {
        vec![experiment("checkout", &["control", "green"]), experiment("banner", &["a", "b"])]
    }

    #[test]
    fn what_was_written_is_read() {
        let experiments = experiments();
        for text in ["", "6b1f0c55d2a94e07", "checkout.green", "6b1f0c55d2a94e07~banner.b~checkout.control"] {
            let ticket = Ticket::read(text, &experiments);
            assert!(!ticket.news, "{text}");
            assert_eq!(ticket.write(&experiments), text);
        }
    }

    #[test]
    fn only_what_is_known_is_believed() {
        let experiments = experiments();
        for (text, kept) in [
            ("checkout.red", ""),
            ("gone.a~banner.b", "banner.b"),
            ("banner.a~banner.b", "banner.a"),
            ("banner.b~6b1f0c55d2a94e07", "banner.b"),
            ("<script>~banner.b", "banner.b"),
            ("short~banner.b", "banner.b"),
            (&"banner.b~".repeat(500), ""),
            (". ~..~\u{0}", ""),
        ] {
            let ticket = Ticket::read(text, &experiments);
            assert!(ticket.news, "{text}");
            assert_eq!(ticket.write(&experiments), kept, "{text}");
        }
    }

    #[test]
    fn a_variant_can_be_exchanged() {
        let experiments = experiments();
        let mut ticket = Ticket::read("checkout.green~banner.a", &experiments);
        ticket.keep(0, 0);
        assert_eq!(ticket.write(&experiments), "banner.a~checkout.control");
    }

    #[test]
    fn every_exchange_invents_another_visitor() {
        assert_eq!(invent("a"), "af63dc4c8601ec8c", "FNV-1a's own vector");
        assert!(is_bearer(&invent("")) && invent("1-1") != invent("1-2"));
    }
}
