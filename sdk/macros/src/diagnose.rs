//! How `#[filter]` answers mistakes: each with its own sentence, at the word where it was made.

use quote::ToTokens;
use syn::{Error, Signature};

/// Collects mistakes: an author sees all of them at once.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn at(&mut self, word: impl ToTokens, sentence: impl std::fmt::Display) {
        self.add(Error::new_spanned(word, sentence));
    }

    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(earlier) => earlier.combine(error),
            none @ None => *none = Some(error),
        }
    }

    pub(crate) fn into_error(self) -> Option<Error> {
        self.0
    }
}

/// Checks what is the same for every phase method.
pub(crate) fn plain(signature: &Signature, mistakes: &mut Mistakes) {
    if let Some(word) = &signature.asyncness {
        mistakes.at(word, "a filter is called and returns; it can not wait: remove `async`");
    }
    if let Some(word) = &signature.unsafety {
        mistakes.at(
            word,
            "the proxy calls this method; it can not keep the promises of an `unsafe fn`: remove `unsafe`",
        );
    }
    if let Some(word) = &signature.abi {
        mistakes.at(word, "`#[filter]` exports this method itself: remove the ABI");
    }
    if !signature.generics.params.is_empty() {
        mistakes.at(&signature.generics, "the proxy calls this method; it can not be generic");
    }
}
