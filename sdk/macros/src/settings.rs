//! `#[derive(Settings)]`: a struct is a map of its fields, an enum the name of a variant.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DeriveInput, Error, Expr, Fields, FieldsNamed, LitStr, Path, Result, Token, Type, Variant,
};

use crate::shape::snake_case;

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let options = TypeOptions::read(item)?;
    let (wanted, read, absent) = match (&options.from, &item.data) {
        (Some(raw), _) => read_from(raw),
        (None, Data::Struct(data)) => read_struct(&data.fields, &item.ident)?,
        (None, Data::Enum(data)) => read_enum(data)?,
        (None, Data::Union(data)) => {
            return Err(Error::new_spanned(data.union_token, "settings are read into structs and enums"));
        }
    };
    let read = match &options.validate {
        None => read,
        Some(path) => quote_spanned! {path.span()=>
            let mut settings: Self = (|| { #read })()?;
            match #path(&mut settings) {
                ::std::result::Result::Ok(()) => ::std::result::Result::Ok(settings),
                ::std::result::Result::Err(problem) => ::std::result::Result::Err(
                    ::edgeloom_sdk::settings::SettingsError::new(at, ::std::string::ToString::to_string(&problem)),
                ),
            }
        },
    };
    let name = &item.ident;
    let mut generics = item.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(::edgeloom_sdk::Settings));
    }
    let (generic, parameters, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #generic ::edgeloom_sdk::Settings for #name #parameters #bounds {
            const WANTED: &'static str = #wanted;

            fn read(
                value: &::edgeloom_sdk::settings::Value<'_>,
                at: &::edgeloom_sdk::settings::Path<'_>,
            ) -> ::std::result::Result<Self, ::edgeloom_sdk::settings::SettingsError> {
                #read
            }

            #absent
        }
    })
}

type Parts = (TokenStream, TokenStream, Option<TokenStream>);

/// Another type is read, and this one made from it.
fn read_from(raw: &Type) -> Parts {
    let wanted = quote!(<#raw as ::edgeloom_sdk::Settings>::WANTED);
    let read = quote_spanned! {raw.span()=>
        let raw = <#raw as ::edgeloom_sdk::Settings>::read(value, at)?;
        <Self as ::std::convert::TryFrom<#raw>>::try_from(raw).map_err(|problem| {
            ::edgeloom_sdk::settings::SettingsError::new(at, ::std::string::ToString::to_string(&problem))
        })
    };
    (wanted, read, None)
}

fn read_struct(fields: &Fields, name: &syn::Ident) -> Result<Parts> {
    match fields {
        Fields::Named(fields) => {
            let (known, construct) = read_fields(fields, &quote!(Self))?;
            let wanted = wanted_map(&known);
            Ok((quote!(#wanted), open(&quote!(value), &quote!(at), &known, &construct), None))
        }
        Fields::Unit => {
            let read = quote! {
                ::edgeloom_sdk::settings::Fields::open(value, at, &[])?;
                ::std::result::Result::Ok(Self)
            };
            Ok((quote!("nothing"), read, Some(absent_unit())))
        }
        Fields::Unnamed(fields) => match (fields.unnamed.first(), fields.unnamed.len()) {
            // A new type is written as what it holds.
            (Some(field), 1) => {
                let inner = &field.ty;
                let absent = quote! {
                    fn absent() -> ::std::option::Option<Self> {
                        <#inner as ::edgeloom_sdk::Settings>::absent().map(Self)
                    }
                };
                let read = quote!(<#inner as ::edgeloom_sdk::Settings>::read(value, at).map(Self));
                Ok((quote!(<#inner as ::edgeloom_sdk::Settings>::WANTED), read, Some(absent)))
            }
            _ => Err(Error::new_spanned(name, "settings have names: give the fields of this struct theirs")),
        },
    }
}

fn absent_unit() -> TokenStream {
    quote! {
        fn absent() -> ::std::option::Option<Self> {
            ::std::option::Option::Some(Self)
        }
    }
}

fn open(value: &TokenStream, at: &TokenStream, known: &[String], construct: &TokenStream) -> TokenStream {
    quote! {
        let fields = ::edgeloom_sdk::settings::Fields::open(#value, #at, &[#(#known),*])?;
        ::std::result::Result::Ok(#construct)
    }
}

/// The names that may be written, and the struct made of what is read.
fn read_fields(fields: &FieldsNamed, path: &TokenStream) -> Result<(Vec<String>, TokenStream)> {
    let (mut known, mut values) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let Some(name) = &field.ident else { continue };
        let options = FieldOptions::read(&field.attrs)?;
        if options.skip {
            values.push(quote!(#name: ::std::default::Default::default()));
            continue;
        }
        let written = options.rename.unwrap_or_else(|| name.to_string().trim_start_matches("r#").to_owned());
        let kind = &field.ty;
        values.push(match options.default {
            None => quote_spanned!(kind.span()=> #name: fields.read::<#kind>(#written)?),
            Some(None) => quote_spanned!(kind.span()=>
                #name: fields.read_or::<#kind>(#written, ::std::default::Default::default)?),
            Some(Some(default)) => {
                quote_spanned!(kind.span()=> #name: fields.read_or::<#kind>(#written, || #default)?)
            }
        });
        known.push(written);
    }
    Ok((known, quote!(#path { #(#values),* })))
}

fn read_enum(data: &DataEnum) -> Result<Parts> {
    let (mut forms, mut arms) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        let options = FieldOptions::read(&variant.attrs)?;
        let written = options.rename.unwrap_or_else(|| snake_case(&variant.ident.to_string()));
        let (form, arm) = read_variant(variant, &written)?;
        forms.push(form);
        arms.push(arm);
    }
    let wanted = any_of(&forms);
    let read = quote! {
        let (name, held) = ::edgeloom_sdk::settings::variant(value, at, <Self as ::edgeloom_sdk::Settings>::WANTED)?;
        let inner = at.field(name);
        match (name, held) {
            #(#arms)*
            _ => ::std::result::Result::Err(::edgeloom_sdk::settings::SettingsError::unexpected(
                at, value, <Self as ::edgeloom_sdk::Settings>::WANTED,
            )),
        }
    };
    Ok((quote!(#wanted), read, None))
}

/// How a variant is written, and how it is read.
fn read_variant(variant: &Variant, written: &str) -> Result<(String, TokenStream)> {
    let name = &variant.ident;
    match &variant.fields {
        Fields::Unit => Ok((
            format!("`{written}`"),
            quote!((#written, ::std::option::Option::None) => ::std::result::Result::Ok(Self::#name),),
        )),
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            let kinds = fields.unnamed.iter().map(|field| &field.ty);
            let read = quote!(#(<#kinds as ::edgeloom_sdk::Settings>::read(held, &inner))*);
            Ok((
                format!("`{written}: …`"),
                quote!((#written, ::std::option::Option::Some(held)) => #read.map(Self::#name),),
            ))
        }
        Fields::Named(fields) => {
            let (known, construct) = read_fields(fields, &quote!(Self::#name))?;
            let read = open(&quote!(held), &quote!(&inner), &known, &construct);
            Ok((
                format!("`{written}: …`"),
                quote!((#written, ::std::option::Option::Some(held)) => { #read }),
            ))
        }
        Fields::Unnamed(_) => {
            Err(Error::new_spanned(name, "settings have names: give the fields of this variant theirs"))
        }
    }
}

fn wanted_map(known: &[String]) -> String {
    if known.is_empty() { "nothing".into() } else { format!("a map of `{}`", known.join("`, `")) }
}

fn any_of(forms: &[String]) -> String {
    match forms {
        [] => "nothing".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// `#[settings(…)]` on the type.
#[derive(Default)]
struct TypeOptions {
    from: Option<Type>,
    validate: Option<Path>,
}

impl TypeOptions {
    fn read(item: &DeriveInput) -> Result<Self> {
        let mut options = Self::default();
        for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("settings")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("from") {
                    options.from = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("validate") {
                    options.validate = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("on a type there are `from = Type` and `validate = path`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

/// `#[settings(…)]` on a field or a variant.
#[derive(Default)]
struct FieldOptions {
    /// `default`, or `default = expression`.
    default: Option<Option<Expr>>,
    rename: Option<String>,
    skip: bool,
}

impl FieldOptions {
    fn read(attributes: &[syn::Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("settings")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("default") {
                    let given = meta.input.peek(Token![=]);
                    options.default = Some(if given { Some(meta.value()?.parse()?) } else { None });
                } else if meta.path.is_ident("rename") {
                    options.rename = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("skip") {
                    options.skip = true;
                } else {
                    return Err(meta.error(
                        "here there are `default`, `default = expression`, `rename = \"name\"` and `skip`",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}
