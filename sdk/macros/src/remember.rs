//! `#[derive(Remember)]`: fields in order; an enum's variants by their number.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::shape::bind;

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let name = &item.ident;
    let (write, read) = match &item.data {
        Data::Struct(data) => {
            let path = quote!(Self);
            let (pattern, names) = bind(&path, &data.fields);
            let read = construct(&path, &data.fields);
            (
                quote! { let #pattern = self; #(::edgeloom_sdk::Remember::write(#names, bytes);)* },
                quote!(::std::option::Option::Some(#read)),
            )
        }
        Data::Enum(data) => {
            if data.variants.len() > 256 {
                return Err(Error::new_spanned(
                    name,
                    "an enum of more than 256 variants can not be remembered",
                ));
            }
            let (mut writes, mut reads) = (Vec::new(), Vec::new());
            for (number, variant) in (0_u8..=u8::MAX).zip(&data.variants) {
                let variant_name = &variant.ident;
                let path = quote!(Self::#variant_name);
                let (pattern, names) = bind(&path, &variant.fields);
                let read = construct(&path, &variant.fields);
                writes.push(quote! {
                    #pattern => { bytes.push(#number); #(::edgeloom_sdk::Remember::write(#names, bytes);)* }
                });
                reads.push(quote!(#number => ::std::option::Option::Some(#read)));
            }
            (
                quote!(match self { #(#writes)* }),
                quote!(match <u8 as ::edgeloom_sdk::Remember>::read(bytes)? { #(#reads,)* _ => ::std::option::Option::None }),
            )
        }
        Data::Union(data) => {
            return Err(Error::new_spanned(data.union_token, "only structs and enums can be remembered"));
        }
    };
    let mut generics = item.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(::edgeloom_sdk::Remember));
    }
    let (generic, parameters, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #generic ::edgeloom_sdk::Remember for #name #parameters #bounds {
            fn write(&self, bytes: &mut ::std::vec::Vec<u8>) { #write }
            fn read(bytes: &mut &[u8]) -> ::std::option::Option<Self> { #read }
        }
    })
}

fn construct(path: &TokenStream, fields: &Fields) -> TokenStream {
    let read = fields.iter().map(|field| {
        let kind = &field.ty;
        let value = quote!(<#kind as ::edgeloom_sdk::Remember>::read(bytes)?);
        match &field.ident {
            Some(name) => quote!(#name: #value),
            None => value,
        }
    });
    match fields {
        Fields::Named(_) => quote!(#path { #(#read),* }),
        Fields::Unnamed(_) => quote!(#path(#(#read),*)),
        Fields::Unit => quote!(#path),
    }
}
