//! What the two derives share: the fields of structs and variants, by position or by name.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Fields, Ident};

/// A pattern that binds every field of this struct or variant, and the names it binds them to.
pub(crate) fn bind(path: &TokenStream, fields: &Fields) -> (TokenStream, Vec<Ident>) {
    let names: Vec<Ident> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| field.ident.clone().unwrap_or_else(|| format_ident!("field_{index}")))
        .collect();
    let pattern = match fields {
        Fields::Named(_) => quote!(#path { #(#names),* }),
        Fields::Unnamed(_) => quote!(#path(#(#names),*)),
        Fields::Unit => quote!(#path),
    };
    (pattern, names)
}

/// `ReportOnly` as `report_only`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
