use std::fmt::Display;

use crate::{Answer, Memo, Remember, Request, Response};

/// What becomes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; these bytes are the memo.
    Proceed(Vec<u8>),
    /// Stop here and send this.
    Answer(Answer),
}

/// A filter with an `#[on_request]` method. Written by `#[filter]`.
pub trait OnRequest {
    /// What it remembers until the response.
    type Memo: Remember;
    /// Whether its response phase has anything to do where no memo was left. The proxy does not call it in vain.
    const RESPONDS_WITHOUT_MEMO: bool;
    /// Calls the method.
    fn on_request(&self, request: &mut Request) -> Verdict;
}

/// A filter with an `#[on_response]` method. Written by `#[filter]`.
pub trait OnResponse {
    /// Calls the method. The error is a fault.
    fn on_response(&self, response: &mut Response, memo: &[u8]) -> Result<(), String>;
}

/// What an `#[on_request]` method may return.
#[diagnostic::on_unimplemented(
    message = "an `#[on_request]` method can not return `{Self}`",
    label = "not a verdict",
    note = "return nothing, `Answer`, `Option<Answer>`, `Memo<T>`, or a `Result` of these whose error becomes an `Answer`"
)]
pub trait IntoVerdict {
    /// What is remembered until the response.
    type Memo: Remember;
    /// The verdict that this value means.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for () {
    type Memo = ();

    fn into_verdict(self) -> Verdict {
        Verdict::Proceed(Vec::new())
    }
}

impl IntoVerdict for Answer {
    type Memo = ();

    fn into_verdict(self) -> Verdict {
        Verdict::Answer(self)
    }
}

impl IntoVerdict for Option<Answer> {
    type Memo = ();

    fn into_verdict(self) -> Verdict {
        self.map_or(Verdict::Proceed(Vec::new()), Verdict::Answer)
    }
}

impl<T: Remember> IntoVerdict for Memo<T> {
    type Memo = T;

    fn into_verdict(self) -> Verdict {
        Verdict::Proceed(self.into_bytes())
    }
}

impl<T: Remember> IntoVerdict for Option<Memo<T>> {
    type Memo = T;

    fn into_verdict(self) -> Verdict {
        Verdict::Proceed(self.map(Memo::into_bytes).unwrap_or_default())
    }
}

impl<T: IntoVerdict, E: Into<Answer>> IntoVerdict for Result<T, E> {
    type Memo = T::Memo;

    fn into_verdict(self) -> Verdict {
        match self {
            Ok(value) => value.into_verdict(),
            Err(refused) => Verdict::Answer(refused.into()),
        }
    }
}

/// What an `#[on_response]` method may return.
#[diagnostic::on_unimplemented(
    message = "an `#[on_response]` method can not return `{Self}`",
    label = "neither nothing nor a `Result`",
    note = "return nothing, or `Result<(), E>` where `E` can be shown; the response is there already, so it can not be answered otherwise"
)]
pub trait IntoOutcome {
    /// Nothing, or why the call failed.
    fn into_outcome(self) -> Result<(), String>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// One request phase, as the proxy calls it. The error is a fault.
pub(crate) fn verdict<F: OnRequest>(filter: &F, request: &mut Request) -> Result<Verdict, String> {
    let verdict = filter.on_request(request);
    match request.refused.take() {
        None => Ok(verdict),
        Some(refused) => Err(refused),
    }
}

/// One response phase, as the proxy calls it. The error is a fault.
pub(crate) fn outcome<F: OnResponse>(filter: &F, response: &mut Response, memo: &[u8]) -> Result<(), String> {
    filter.on_response(response, memo)?;
    match response.refused.take() {
        None => Ok(()),
        Some(refused) => Err(refused),
    }
}
