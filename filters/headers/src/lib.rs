//! Sets, adds, appends, removes and renames headers, of the request and of the response, with values
//! filled in from the exchange.

mod rules;
mod security;
mod slot;
mod template;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use edgeloom_sdk::when::Look;
use edgeloom_sdk::{Memo, Request, Response, Settings, filter};

use rules::Rules;
use security::Security;
use slot::Slot;

/// The filter, ready to run.
#[derive(Debug, Settings)]
#[settings(from = Written)]
pub struct Headers {
    request: Rules,
    response: Rules,
}

/// What the response is told by its request: values of slots, in order.
type Told = Vec<Option<Vec<u8>>>;

#[filter]
impl Headers {
    #[on_request]
    fn edit_request(&self, request: &mut Request) -> Option<Memo<Told>> {
        let mut look = Look::at(request);
        let filled: Vec<_> = self.request.slots.iter().map(|slot| slot.of_request(&mut look)).collect();
        let told = self.tell(&mut look);
        if !self.request.is_empty() {
            let lines = OnceCell::new();
            let edits = self.request.edits(request, &lines, &filled);
            request.apply(&edits);
        }
        (!told.is_empty()).then_some(Memo(told))
    }

    #[on_response]
    fn edit_response(&self, response: &mut Response, told: Option<Memo<Told>>) {
        if self.response.is_empty() {
            return;
        }
        let mut told = told.map(|Memo(told)| told).unwrap_or_default().into_iter();
        let fill = |slot: &Slot| if slot.is_told() { told.next()? } else { slot.of_response(response) };
        let filled: Vec<_> = self.response.slots.iter().map(fill).collect();
        let lines = OnceCell::new();
        let edits = self.response.edits(response, &lines, &filled);
        response.apply(&edits);
    }
}

impl Headers {
    /// What the response has to be told. Of what is too long for a memo it is told nothing.
    fn tell<'r>(&'r self, look: &mut Look<'r>) -> Told {
        let mut room = TOLD_MAX;
        let told = self.response.slots.iter().filter(|slot| slot.is_told());
        told.map(|slot| {
            let value = slot.of_request(look).filter(|value| value.len() <= room)?;
            room -= value.len();
            Some(value)
        })
        .collect()
    }
}

/// A memo has room for 16 KiB.
const TOLD_MAX: usize = 15 * 1024;

/// The settings, as the operator writes them.
#[derive(Settings)]
struct Written {
    #[settings(default)]
    request: Rules,
    #[settings(default)]
    response: Rules,
    security: Option<Security>,
}

impl TryFrom<Written> for Headers {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { request, mut response, security } = written;
        if request.slots.iter().any(Slot::is_of_response) {
            return Err(
                "what the response is, its request can not be told: see the placeholders under `request`",
            );
        }
        if let Some(security) = security {
            security.add_to(&mut response);
        }
        Ok(Self { request, response })
    }
}
