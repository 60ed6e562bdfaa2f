//! `#[filter]`: finds the phase methods, checks them, and writes what the proxy calls.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, ImplItem, ItemImpl, Meta, Type};

use crate::diagnose::Mistakes;
use crate::phase::{self, Kind, Phase, leaves_memo, return_span};

pub(crate) fn expand(attribute: &TokenStream, item: &TokenStream) -> TokenStream {
    let mut item = match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(item) => item,
        Err(_not_impl) => {
            let error = syn::Error::new_spanned(
                first_token(item),
                "`#[filter]` belongs on the `impl` block that has the filter's methods",
            );
            let error = error.into_compile_error();
            return quote!(#item #error);
        }
    };
    let mut mistakes = Mistakes::default();
    if !attribute.is_empty() {
        mistakes.at(attribute, "`#[filter]` takes nothing: what is configured are the fields of the type");
    }
    check_block(&item, &mut mistakes);
    let [request, response] = Kind::ALL.map(|kind| find(kind, &mut item, &mut mistakes));
    check_together(&item, request.as_ref(), response.as_ref(), &mut mistakes);
    // The block itself stays, so that a mistake here causes no further errors elsewhere.
    let rest = match mistakes.into_error() {
        Some(error) => error.into_compile_error(),
        None => write(&item.self_ty, request.as_ref(), response.as_ref()),
    };
    quote!(#item #rest)
}

fn check_block(item: &ItemImpl, mistakes: &mut Mistakes) {
    if let Some((_, implemented, _)) = &item.trait_ {
        mistakes.at(implemented, "a filter's methods are the type's own: remove the trait");
    }
    if !item.generics.params.is_empty() {
        mistakes.at(&item.generics, "a module holds one filter, of one type: it can not be generic");
    }
}

/// Finds the one method of this phase, and takes the attribute off it.
fn find(kind: Kind, item: &mut ItemImpl, mistakes: &mut Mistakes) -> Option<Phase> {
    let mut found: Option<Phase> = None;
    for member in &mut item.items {
        let ImplItem::Fn(method) = member else { continue };
        let Some(attribute) = take(kind, &mut method.attrs) else { continue };
        if !matches!(attribute.meta, Meta::Path(_)) {
            mistakes.at(
                &attribute.meta,
                format!(
                    "`#[{}]` takes nothing; when a filter is called is the operator's to say, by `when:`",
                    kind.attribute()
                ),
            );
        }
        if let Some(first) = &found {
            mistakes.at(
                &method.sig.ident,
                format!("a filter has one `#[{}]` method, and that is `{}`", kind.attribute(), first.name),
            );
            continue;
        }
        if let Some(second) = Kind::ALL
            .into_iter()
            .filter(|other| *other != kind)
            .find_map(|other| take(other, &mut method.attrs))
        {
            mistakes.at(&second, "a method has one phase: write a second method for the other");
        }
        found = Some(phase::read(kind, &method.sig, mistakes));
    }
    found
}

fn take(kind: Kind, attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let here = |attribute: &Attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == kind.attribute())
    };
    attributes.iter().position(here).map(|index| attributes.remove(index))
}

fn check_together(
    item: &ItemImpl,
    request: Option<&Phase>,
    response: Option<&Phase>,
    mistakes: &mut Mistakes,
) {
    if request.is_none() && response.is_none() {
        mistakes.at(
            &item.self_ty,
            "the proxy never calls this filter: mark a method with `#[on_request]` or `#[on_response]`",
        );
    }
    if let Some(memo) = response.and_then(|phase| phase.memo.as_ref()) {
        match request {
            None => mistakes.at(
                &memo.written,
                "nobody leaves a memo: this filter has no `#[on_request]` method that returns one",
            ),
            Some(request) if !leaves_memo(&request.returns) => mistakes.at(
                &memo.written,
                format!("nobody leaves a memo: `{}` does not return a `Memo<…>`", request.name),
            ),
            Some(_) => {}
        }
    }
}

fn write(filter: &Type, request: Option<&Phase>, response: Option<&Phase>) -> TokenStream {
    let on_request = request.map(|phase| write_request(filter, phase, response));
    let on_response = response.map(|phase| write_response(filter, phase));
    let export_request = request.map(|_| {
        quote! {
            impl edgeloom::request_phase::Guest for Guest {
                fn on_request(request: &edgeloom::request_phase::Request) -> Result<edgeloom::request_phase::Verdict, String> {
                    FILTER.on_request(request)
                }
            }
            edgeloom::request_phase::export_request!(Guest with_types_in edgeloom::request_phase);
        }
    });
    let export_response = response.map(|_| {
        quote! {
            impl edgeloom::response_phase::Guest for Guest {
                fn on_response(response: &edgeloom::response_phase::Response, memo: Vec<u8>) -> Result<(), String> {
                    FILTER.on_response(response, &memo)
                }
            }
            edgeloom::response_phase::export_response!(Guest with_types_in edgeloom::response_phase);
        }
    });
    let settings = quote_spanned!(filter.span()=> <#filter as ::edgeloom_sdk::Settings>::from_json);
    quote! {
        #on_request
        #on_response
        // Natively, too, a filter must have settings that can be read.
        const _: () = { let _ = #settings; };
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::edgeloom_sdk::__private as edgeloom;
            use ::std::{result::Result, string::String, vec::Vec};

            static FILTER: edgeloom::Slot<#filter> = edgeloom::Slot::new();
            struct Guest;

            impl edgeloom::setup::Guest for Guest {
                fn configure(settings: String) -> Result<(), String> {
                    FILTER.configure(&settings)
                }
            }
            edgeloom::setup::export_setup!(Guest with_types_in edgeloom::setup);
            #export_request
            #export_response
        };
    }
}

fn write_request(filter: &Type, phase: &Phase, response: Option<&Phase>) -> TokenStream {
    let name = &phase.name;
    let takes_none = |response: &Phase| response.memo.as_ref().is_none_or(|memo| memo.optional);
    let responds_without_memo = response.is_some_and(takes_none);
    let returned = match &phase.returns {
        syn::ReturnType::Default => quote!(()),
        syn::ReturnType::Type(_, written) => written.to_token_stream(),
    };
    // Spanned as a whole: what can not be a verdict is told at the type that was returned.
    let span = return_span(phase);
    let memo = quote_spanned!(span=> <#returned as ::edgeloom_sdk::__private::IntoVerdict>::Memo);
    let call = quote_spanned!(span=> ::edgeloom_sdk::__private::IntoVerdict::into_verdict(Self::#name(self, request)));
    quote! {
        impl ::edgeloom_sdk::__private::OnRequest for #filter {
            type Memo = #memo;
            const RESPONDS_WITHOUT_MEMO: bool = #responds_without_memo;

            fn on_request(&self, request: &mut ::edgeloom_sdk::Request) -> ::edgeloom_sdk::__private::Verdict {
                #call
            }
        }
    }
}

fn write_response(filter: &Type, phase: &Phase) -> TokenStream {
    let name = &phase.name;
    let span = return_span(phase);
    let call = |memo: Option<TokenStream>| {
        quote_spanned! {span=>
            ::edgeloom_sdk::__private::IntoOutcome::into_outcome(Self::#name(self, response, #memo))
        }
    };
    let recall = quote! {
        ::edgeloom_sdk::__private::recall::<<Self as ::edgeloom_sdk::__private::OnRequest>::Memo>(memo)?
    };
    let body = match &phase.memo {
        None => call(None),
        Some(memo) => {
            let span = memo.written.span().resolved_at(Span::call_site());
            let call = call(Some(quote_spanned!(span=> recalled)));
            if memo.optional {
                quote! {
                    let recalled = #recall;
                    #call
                }
            } else {
                quote! {
                    match #recall {
                        ::std::option::Option::Some(recalled) => #call,
                        ::std::option::Option::None => ::std::result::Result::Ok(()),
                    }
                }
            }
        }
    };
    quote! {
        impl ::edgeloom_sdk::__private::OnResponse for #filter {
            fn on_response(
                &self,
                response: &mut ::edgeloom_sdk::Response,
                memo: &[u8],
            ) -> ::std::result::Result<(), ::std::string::String> {
                #body
            }
        }
    }
}

fn first_token(item: &TokenStream) -> TokenStream {
    item.clone().into_iter().take(1).collect()
}
