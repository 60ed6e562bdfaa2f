//! What placeholders ask for, and how much of it there may be.

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

/// The slots of one head's templates, each asked for once, with how often it is filled in.
#[derive(Debug, Default)]
pub(crate) struct Slots(Vec<(Slot, usize)>);

/// A value for each slot, in order.
pub(crate) type Filled = Vec<Option<Vec<u8>>>;

impl Slots {
    /// The place of this slot.
    pub(crate) fn number(&mut self, slot: Slot) -> usize {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == slot) {
            self.0.iter_mut().skip(at).take(1).for_each(|(_, uses)| *uses += 1);
            return at;
        }
        self.0.push((slot, 1));
        self.0.len() - 1
    }

    /// Asks for the values. What does not fit counts as missing: a client that sends much must not
    /// make a head too large to be edited.
    pub(crate) fn fill<'s>(&'s self, mut value: impl FnMut(&'s Slot) -> Option<Vec<u8>>) -> Filled {
        let mut room = FILLED_MAX;
        let mut fill = |(slot, uses): &'s (Slot, usize)| {
            let value = value(slot)?;
            room = room.checked_sub(value.len() * uses)?;
            Some(value)
        };
        self.0.iter().map(&mut fill).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().map(|(slot, _)| slot)
    }
}

/// Half of the room that is kept for filters on the head of a request.
const FILLED_MAX: usize = 2 * 1024;

const MORE: &str = "; for responses, also response.status and response.header.NAME";
