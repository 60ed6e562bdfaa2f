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
use slot::{Filled, Slot};

/// The filter, ready to run.
#[derive(Debug, Settings)]
#[settings(from = Written)]
pub struct Headers {
    request: Rules,
    response: Rules,
}

#[filter]
impl Headers {
    #[on_request]
    fn edit_request(&self, request: &mut Request) -> Option<Memo<Option<Filled>>> {
        let mut look = Look::at(request);
        let filled = self.request.slots.fill(|slot| slot.of_request(&mut look));
        let is_told = self.response.slots.iter().any(Slot::is_told);
        let told = is_told.then(|| {
            self.response.slots.fill(|slot| if slot.is_told() { slot.of_request(&mut look) } else { None })
        });
        if !self.request.is_empty() {
            let lines = OnceCell::new();
            let edits = self.request.edits(request, &lines, &filled);
            request.apply(&edits);
        }
        // Without a memo, the response is none of this filter's business.
        (!self.response.is_empty()).then_some(Memo(told))
    }

    #[on_response]
    fn edit_response(&self, response: &mut Response, Memo(told): Memo<Option<Filled>>) {
        let mut told = told.unwrap_or_default().into_iter();
        let filled = self.response.slots.fill(|slot| {
            let told = told.next().flatten();
            if slot.is_told() { told } else { slot.of_response(response) }
        });
        let lines = OnceCell::new();
        let edits = self.response.edits(response, &lines, &filled);
        response.apply(&edits);
    }
}

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
