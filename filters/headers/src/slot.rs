//! What placeholders ask for.

use std::borrow::Cow;

use edgeloom_sdk::when::{Look, Source};
use edgeloom_sdk::{HeaderName, Response};

/// What is filled in for a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Something of the request, or a fact.
    Request(Source),
    ResponseStatus,
    ResponseHeader(HeaderName),
}

impl Slot {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        if name == "response.status" {
            return Ok(Self::ResponseStatus);
        }
        match name.strip_prefix("response.header.").map(HeaderName::new) {
            Some(Ok(name)) => Ok(Self::ResponseHeader(name)),
            Some(Err(illegal)) => Err(["`", name, "`: ", &illegal.to_string()].concat()),
            None => Source::try_from(name.to_owned()).map(Self::Request).map_err(|unknown| unknown + MORE),
        }
    }

    pub(crate) fn is_of_response(&self) -> bool {
        matches!(self, Self::ResponseStatus | Self::ResponseHeader(_))
    }

    /// Whether the response phase has to be told it by the request phase. Facts are known there anyway.
    pub(crate) fn is_told(&self) -> bool {
        !self.is_of_response() && !matches!(self, Self::Request(Source::Fact(_)))
    }

    pub(crate) fn of_request<'r>(&'r self, look: &mut Look<'r>) -> Option<Vec<u8>> {
        if let Self::Request(source) = self { look.value(source).map(Cow::into_owned) } else { None }
    }

    /// What is not told.
    pub(crate) fn of_response(&self, response: &Response) -> Option<Vec<u8>> {
        match self {
            Self::ResponseStatus => Some(response.status().to_string().into()),
            Self::ResponseHeader(name) => response.header(name),
            Self::Request(Source::Fact(name)) => response.fact(name).map(Into::into),
            Self::Request(_) => None,
        }
    }
}

const MORE: &str = "; for responses, also response.status and response.header.NAME";
