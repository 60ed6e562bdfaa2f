//! Every mistake that the macros answer, and its sentence. `TRYBUILD=overwrite` rewrites the sentences.
#![cfg(not(target_arch = "wasm32"))]

#[test]
fn mistakes_are_answered_at_the_word_where_they_were_made() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
