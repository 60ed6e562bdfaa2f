//! The macros of `edgeloom-sdk`, which re-exports and documents them.

mod diagnose;
mod filter;
mod phase;
mod remember;
mod settings;
mod shape;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes an `impl` block a filter: its `#[on_request]` and `#[on_response]` methods are what the proxy calls.
///
/// ```
/// use edgeloom_sdk::{Answer, Memo, Request, Response, Settings, filter, header};
///
/// #[derive(Settings)]
/// struct Doorkeeper {
///     password: String,
/// }
///
/// #[filter]
/// impl Doorkeeper {
///     #[on_request]
///     fn ask(&self, request: &mut Request) -> Result<Memo<String>, Answer> {
///         match request.header_str("x-password") {
///             Some(word) if word == self.password => Ok(Memo(request.path())),
///             _ => Err(Answer::text(403, "Not with these shoes.\n")),
///         }
///     }
///
///     #[on_response]
///     fn sign(&self, response: &mut Response, Memo(path): Memo<String>) {
///         response.set_header(header!("x-admitted-to"), path);
///     }
/// }
/// ```
///
/// An `#[on_request]` method takes `&self` and the request; what it returns decides: nothing, a
/// `Memo<T>` or `None` proceed, an `Answer` answers, and so does an `Err` of what becomes one.
///
/// An `#[on_response]` method takes `&self`, the response and, if it likes, the memo: as `Memo<T>`
/// it is only called where the request left one, as `Option<Memo<T>>` always. It returns nothing, or
/// a `Result` whose error is a fault.
#[proc_macro_attribute]
pub fn filter(attribute: TokenStream, item: TokenStream) -> TokenStream {
    filter::expand(&attribute.into(), &item.into()).into()
}

/// Reads a type from a filter's settings; see the SDK's module `settings`.
#[proc_macro_derive(Settings, attributes(settings))]
pub fn settings(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    settings::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a type one that can be kept in a `Memo`.
#[proc_macro_derive(Remember)]
pub fn remember(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    remember::expand(&item).unwrap_or_else(syn::Error::into_compile_error).into()
}
