//! Who may come in: allow and deny lists over the place of a client.

use edgeloom_sdk::geo::Place;
use edgeloom_sdk::settings::OneOrMany;
use edgeloom_sdk::{Country, Settings};

/// Which clients are let in.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Where there is one, only these.
    pub(crate) allow: Option<List>,
    /// These not, even if they are allowed.
    pub(crate) deny: Option<List>,
    /// Whether those are denied of whom the database does not know what a list asks.
    pub(crate) deny_unknown: bool,
}

/// Places. A client is on the list if any one entry of it is true of the client.
#[derive(Debug, Settings)]
#[settings(validate = Self::check)]
pub(crate) struct List {
    #[settings(default)]
    countries: OneOrMany<Country>,
    #[settings(default)]
    continents: OneOrMany<String>,
    #[settings(default)]
    asns: OneOrMany<u32>,
    /// Every member of the European Union.
    #[settings(default)]
    eu: bool,
}

/// How a client and a list go together.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Standing {
    On(&'static str),
    Off,
    Unknown,
}

impl Screen {
    /// Why this client is not let in: `country`, `continent`, `asn` or `eu` for what is on the deny
    /// list, `not allowed` for what is not on the other, `unknown`.
    pub(crate) fn denies(&self, place: Option<&Place>) -> Option<&'static str> {
        let denied = self.deny.as_ref().map_or(Standing::Off, |list| list.standing(place));
        let allowed = self.allow.as_ref().map_or(Standing::On("anybody"), |list| list.standing(place));
        match (denied, allowed) {
            (Standing::On(what), _) => Some(what),
            (_, Standing::Off) => Some("not allowed"),
            (Standing::Off, Standing::On(_)) => None,
            (Standing::Unknown, _) | (_, Standing::Unknown) => self.deny_unknown.then_some("unknown"),
        }
    }
}

impl List {
    fn standing(&self, place: Option<&Place>) -> Standing {
        let continent = place.and_then(|place| place.continent.as_ref());
        let entries = [
            ("country", on(&self.countries, place.and_then(|place| place.country).as_ref())),
            ("continent", on(&self.continents, continent)),
            ("asn", on(&self.asns, place.and_then(|place| place.asn).as_ref())),
            ("eu", if self.eu { place.and_then(|place| place.eu) } else { Some(false) }),
        ];
        match entries.iter().find(|(_, on)| *on == Some(true)) {
            Some((what, _)) => Standing::On(what),
            None if entries.iter().any(|(_, on)| on.is_none()) => Standing::Unknown,
            None => Standing::Off,
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let known = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];
        match self.continents.iter().find(|continent| !known.contains(&continent.as_str())) {
            Some(wrong) => Err(["`", wrong, "` is none of the continents ", &known.join(", ")].concat()),
            None if self.countries.is_empty()
                && self.continents.is_empty()
                && self.asns.is_empty()
                && !self.eu =>
            {
                Err("nobody is on this list: give it `countries`, `continents`, `asns` or `eu: true`".into())
            }
            None => Ok(()),
        }
    }
}

/// Whether it is listed; `None` where that can not be told. What is not asked for need not be known.
fn on<T: PartialEq>(listed: &[T], known: Option<&T>) -> Option<bool> {
    if listed.is_empty() { Some(false) } else { known.map(|known| listed.contains(known)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, continent: &str, asn: Option<u32>, eu: bool) -> Place {
        Place { continent: Some(continent.into()), asn, eu: Some(eu), ..Place::from(country) }
    }

    #[track_caller]
    fn check(allow: Option<&str>, deny: Option<&str>, expected: [Option<&str>; 4]) {
        let list = |list: Option<&str>| list.map(|list| List::from_yaml(list).unwrap());
        let screen = |deny_unknown| Screen { allow: list(allow), deny: list(deny), deny_unknown };
        let sweden = place("SE", "EU", Some(64_496), true);
        let norway = place("NO", "EU", None, false);
        for (place, expected) in [Some(&sweden), Some(&norway), None].into_iter().zip(expected) {
            assert_eq!(screen(false).denies(place), expected, "{place:?}");
        }
        assert_eq!(screen(true).denies(None), expected[3], "where the unknown are denied");
    }

    #[test]
    fn deny_lists_keep_out_who_is_on_them() {
        check(None, None, [None; 4]);
        check(None, Some("{ countries: SE }"), [Some("country"), None, None, Some("unknown")]);
        check(
            None,
            Some("{ countries: [DE], continents: EU }"),
            [Some("continent"), Some("continent"), None, Some("unknown")],
        );
        check(None, Some("{ asns: [64496, 64497] }"), [Some("asn"), None, None, Some("unknown")]);
        check(None, Some("{ eu: true }"), [Some("eu"), None, None, Some("unknown")]);
    }

    #[test]
    fn allow_lists_let_in_who_is_on_them() {
        check(Some("{ countries: SE }"), None, [None, Some("not allowed"), None, Some("unknown")]);
        check(Some("{ continents: [EU] }"), None, [None, None, None, Some("unknown")]);
        check(
            Some("{ countries: [DE], eu: true }"),
            None,
            [None, Some("not allowed"), None, Some("unknown")],
        );
    }

    #[test]
    fn deny_goes_before_allow() {
        check(
            Some("{ continents: EU }"),
            Some("{ asns: 64496 }"),
            [Some("asn"), None, None, Some("unknown")],
        );
        check(
            Some("{ countries: DE }"),
            Some("{ asns: 64496 }"),
            [Some("asn"), Some("not allowed"), None, Some("unknown")],
        );
    }

    #[test]
    fn lists_that_make_no_sense_are_refused() {
        for (wrong, told) in [
            ("{}", "nobody is on this list: give it `countries`, `continents`, `asns` or `eu: true`"),
            ("{ continents: [Europe] }", "`Europe` is none of the continents AF, AN, AS, EU, NA, OC, SA"),
            (
                "{ countries: [se] }",
                "`countries[0]`: found the text `se`, wanted a country's two letters in upper case, like SE",
            ),
            (
                "{ country: SE }",
                "`country`: no such setting; there are `countries`, `continents`, `asns`, `eu`",
            ),
        ] {
            assert_eq!(List::from_yaml(wrong).unwrap_err().to_string(), told);
        }
    }
}
