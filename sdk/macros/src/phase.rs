//! One phase method: what it must look like.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, Ident, PathArguments, Receiver, ReturnType, Signature, Type};

use crate::diagnose::{Mistakes, plain};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
}

/// A phase method that was found in order.
pub(crate) struct Phase {
    pub(crate) name: Ident,
    pub(crate) returns: ReturnType,
    pub(crate) memo: Option<MemoArgument>,
}

/// The memo that an `#[on_response]` method takes.
pub(crate) struct MemoArgument {
    pub(crate) written: Type,
    /// Whether it is `Option<Memo<T>>`.
    pub(crate) optional: bool,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Request, Self::Response];

    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Request => "on_request",
            Self::Response => "on_response",
        }
    }

    fn head(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Request => "request: &mut Request",
            Self::Response => "response: &mut Response",
        }
    }
}

/// Reads the signature of a phase method.
pub(crate) fn read(kind: Kind, signature: &Signature, mistakes: &mut Mistakes) -> Phase {
    plain(signature, mistakes);
    let mut arguments = signature.inputs.iter().peekable();
    match arguments.peek() {
        Some(FnArg::Receiver(receiver)) => {
            check_receiver(receiver, mistakes);
            arguments.next();
        }
        Some(FnArg::Typed(_)) | None => mistakes.at(
            &signature.ident,
            format!(
                "an `#[{}]` method needs `&self`: write `fn {}(&self, {})`",
                kind.attribute(),
                signature.ident,
                kind.argument()
            ),
        ),
    }
    match arguments.next() {
        Some(FnArg::Typed(argument)) => check_head(kind, &argument.ty, mistakes),
        Some(FnArg::Receiver(_)) => {}
        None => mistakes.add(Error::new(
            signature.paren_token.span.join(),
            format!("an `#[{}]` method takes `{}`", kind.attribute(), kind.argument()),
        )),
    }
    let memo = match kind {
        Kind::Request => None,
        Kind::Response => arguments.next().and_then(|argument| read_memo(argument, mistakes)),
    };
    for argument in arguments {
        mistakes.at(argument, too_many(kind, argument));
    }
    Phase { name: signature.ident.clone(), returns: signature.output.clone(), memo }
}

fn check_receiver(receiver: &Receiver, mistakes: &mut Mistakes) {
    let shared =
        receiver.reference.is_some() && receiver.mutability.is_none() && receiver.colon_token.is_none();
    if !shared {
        mistakes.at(
            receiver,
            "a filter is shared by its calls and remembers nothing between them: write `&self`",
        );
    }
}

fn check_head(kind: Kind, written: &Type, mistakes: &mut Mistakes) {
    let lent = match written {
        Type::Reference(reference) => Some(&*reference.elem),
        _ => None,
    };
    let name = last_name(lent.unwrap_or(written));
    if lent.is_none() && name.as_deref() == Some(kind.head()) {
        mistakes.at(written, format!("it is lent for the length of the call: write `{}`", kind.argument()));
    } else if lent.is_none()
        || Kind::ALL.into_iter().any(|other| other != kind && name.as_deref() == Some(other.head()))
    {
        mistakes.at(written, format!("an `#[{}]` method takes `{}`", kind.attribute(), kind.argument()));
    }
}

fn read_memo(argument: &FnArg, mistakes: &mut Mistakes) -> Option<MemoArgument> {
    let FnArg::Typed(argument) = argument else { return None };
    let written = (*argument.ty).clone();
    let optional = match (last_name(&written).as_deref(), only_parameter(&written)) {
        (Some("Memo"), _) => false,
        (Some("Option"), Some(inner)) if last_name(inner).as_deref() == Some("Memo") => true,
        _ => {
            mistakes.at(&written, "after the response an `#[on_response]` method takes the memo: write `Memo<…>`, or `Option<Memo<…>>`");
            return None;
        }
    };
    Some(MemoArgument { written, optional })
}

fn too_many(kind: Kind, argument: &FnArg) -> &'static str {
    let memo =
        matches!(argument, FnArg::Typed(argument) if last_name(&argument.ty).as_deref() == Some("Memo"));
    match kind {
        Kind::Request if memo => {
            "a memo is returned by `#[on_request]`, and taken by `#[on_response]`: move it behind `->`"
        }
        Kind::Request => {
            "an `#[on_request]` method takes the request and nothing else; settings are in `self`"
        }
        Kind::Response => {
            "an `#[on_response]` method takes the response and the memo and nothing else; settings are in `self`"
        }
    }
}

/// The last name of a path: `Request` of `edgeloom_sdk::Request`.
fn last_name(written: &Type) -> Option<String> {
    match written {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn only_parameter(written: &Type) -> Option<&Type> {
    let Type::Path(path) = written else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

/// Whether the method's return type has the word `Memo` in it.
pub(crate) fn leaves_memo(returns: &ReturnType) -> bool {
    fn has_memo(tokens: proc_macro2::TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Group(group) => has_memo(group.stream()),
            proc_macro2::TokenTree::Ident(name) => name == "Memo",
            proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => false,
        })
    }
    has_memo(returns.to_token_stream())
}

/// Where errors about what is returned should point.
pub(crate) fn return_span(phase: &Phase) -> Span {
    let span = match &phase.returns {
        ReturnType::Default => phase.name.span(),
        ReturnType::Type(_, written) => written.span(),
    };
    span.resolved_at(Span::call_site())
}
