//! Tells upstreams, and the filters after it, where a client is; and turns clients away by it.
//!
//! One look-up, by the `geo` grant, and one edit of the request. What is found goes into request
//! headers, under names that the operator chooses, and into facts (`geo.country`, …).

mod denial;
mod family;
mod field;
mod screen;
mod settings;
mod text;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use edgeloom_sdk::geo::Place;
use edgeloom_sdk::{Answer, Edits, HeaderName, Request, Settings, filter, geo};

use denial::Denial;
use field::Field;
use screen::Screen;

/// The filter, ready to run.
#[derive(Debug, Settings)]
#[settings(from = settings::Written)]
pub struct Geo {
    headers: Box<[(Field, HeaderName)]>,
    /// Headers that are not set, but must not come from the client either.
    removed: Box<[HeaderName]>,
    facts: Box<[Field]>,
    /// What an unknown country is called in its header.
    nowhere: Option<&'static str>,
    percent: bool,
    screen: Screen,
    /// Whether those who are denied are let in all the same.
    report_only: bool,
    denial: Denial,
}

#[filter]
impl Geo {
    #[on_request]
    fn locate(&self, request: &mut Request) -> Option<Answer> {
        let client = request.client().address;
        let place = geo::locate(client);
        let denied = self.screen.denies(place.as_ref());

        let mut edits = Edits::with_capacity(self.facts.len() + self.headers.len() + self.removed.len() + 1);
        for field in &self.facts {
            if let Some(text) = field.text(client, place.as_ref()) {
                edits.fact(field.fact(), text);
            }
        }
        if let Some(reason) = denied {
            edits.fact("geo.denied", reason);
            if !self.report_only {
                request.apply(&edits);
                return Some(self.denial.answer());
            }
        }
        self.tell(client, place.as_ref(), &mut edits);
        request.apply(&edits);
        None
    }
}

impl Geo {
    /// Every header of this filter is set or removed: none comes from the client.
    fn tell<'p>(&'p self, client: IpAddr, place: Option<&'p Place>, edits: &mut Edits<'p>) {
        for (field, name) in &self.headers {
            let nowhere = if *field == Field::Country { self.nowhere } else { None };
            match field.text(client, place).or(nowhere.map(Into::into)) {
                Some(text) if self.percent => edits.set(name, text::percent(text)),
                Some(text) => edits.set(name, text),
                None => edits.remove(name),
            };
        }
        for name in &self.removed {
            edits.remove(name);
        }
    }
}
