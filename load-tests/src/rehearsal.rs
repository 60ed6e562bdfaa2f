//! Whether a contender does its job, seen from both ends, before its time is taken.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Client, Echo, Manner, Origin, Request, Response};

use crate::atlas::{Atlas, Place};
use crate::origin::{POWERED_BY, SERVER};
use crate::request::{COOKIE, STRIPPED, Visitor};

/// What of the job a contender is there to do; nothing of it is a plain proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Duties {
    pub(crate) country: bool,
    pub(crate) city: bool,
    pub(crate) experiment: bool,
    pub(crate) route: bool,
    pub(crate) headers: bool,
    /// How many small filters mark the request.
    pub(crate) marks: usize,
}

impl Duties {
    pub(crate) const ALL: Self =
        Self { country: true, city: true, experiment: true, route: true, headers: true, marks: 0 };
}

/// Origins that say what they were asked, beside what a visitor should not hear.
pub(crate) struct Stage {
    pub(crate) north: Origin,
    pub(crate) south: Origin,
}

impl Stage {
    pub(crate) fn set() -> Result<Self> {
        let origin = |name: &str| {
            let manner = Manner::echo().named(name).with_header("server", SERVER);
            Origin::start((Ipv4Addr::LOCALHOST, 0).into(), manner.with_header("x-powered-by", POWERED_BY))
        };
        Ok(Self { north: origin("north")?, south: origin("south")? })
    }
}

/// Has visitors of all kinds ask it, on a [`Stage`]: from the north, from the south, and from nowhere.
pub(crate) fn check(client: &Client, duties: Duties, atlas: &Atlas) -> Result<()> {
    let mut places = atlas.draw(SEED, 8)?;
    places.push(atlas.look_up(NOWHERE)?);
    let mut drawn = Vec::new();
    for place in places {
        let about = format!("a visitor from {}", place.address);
        let visitor = Visitor::new(place);
        let new = Exchange::of(client, visitor.request())?;
        ensure_all(&duties.of_every(visitor.place(), &new), &new).with_context(|| about.clone())?;
        if duties.experiment {
            let met = meet_again(client, visitor, &new, &duties).with_context(|| about)?;
            drawn.push(met);
        }
    }
    if duties.experiment { follows_the_cookie(client, &drawn) } else { Ok(()) }
}

/// A visitor with the cookie that was set, and the variant that was drawn.
type Met = (Visitor, String, String);

/// Comes again, with and without the cookie that was set.
fn meet_again(client: &Client, visitor: Visitor, new: &Exchange, duties: &Duties) -> Result<Met> {
    let cookie = new.response.sets_cookie(COOKIE).context("no cookie was set for a new visitor")?.to_owned();
    let variant = new.variant().context("no variant was told to the origin")?.to_owned();
    let again = Exchange::of(client, visitor.request())?;
    let forged = Exchange::of(client, visitor.clone().with_cookie("mauve").request())?;
    let known = visitor.clone().with_cookie(&cookie);
    let kept = Exchange::of(client, known.request())?;
    ensure_all(&duties.of_every(visitor.place(), &kept), &kept)?;
    let forger = known.request().header("x-geo-country", "XX").header("x-geo-city", "Atlantis");
    let forger = Exchange::of(client, forger)?;
    ensure_all(&duties.of_every(visitor.place(), &forger), &forger).context("who forges geolocation")?;
    let same = |other: &Exchange| other.variant() == Some(&*variant);
    let rules = [
        ("a visitor of whom only the address is known gets the same variant each time", same(&again)),
        ("a cookie with no variant in it is not believed", same(&forged)),
        ("who has no good cookie is given one", forged.response.sets_cookie(COOKIE).is_some()),
        ("a good cookie keeps its variant", same(&kept)),
        ("who has a good cookie gets no new one", kept.response.sets_cookie(COOKIE).is_none()),
    ];
    ensure_all(&rules, &kept)?;
    Ok((visitor, cookie, variant))
}

/// A cookie decides, not the address: two visitors of different variants exchange theirs.
fn follows_the_cookie(client: &Client, drawn: &[Met]) -> Result<()> {
    let (first, rest) = drawn.split_first().context("nobody was drawn")?;
    let other = rest.iter().find(|(_, _, variant)| *variant != first.2);
    let other = other.context("nine visitors were all given the same variant of two")?;
    for ((visitor, _, _), (_, cookie, variant)) in [(first, other), (other, first)] {
        let exchange = Exchange::of(client, visitor.clone().with_cookie(cookie).request())?;
        let follows = exchange.variant() == Some(&**variant);
        ensure_all(&[("a good cookie decides, whatever the address", follows)], &exchange)?;
    }
    Ok(())
}

/// A request, as the origin received it, and its response.
struct Exchange {
    echo: Echo,
    response: Response,
}

impl Exchange {
    fn of(client: &Client, request: Request) -> Result<Self> {
        let response = client.attempt(request)?;
        ensure!(response.status() == 200, "the answer is {}: {}", response.status(), response.text());
        let echo = response.try_json().context("the origin's answer does not come through")?;
        Ok(Self { echo, response })
    }

    fn variant(&self) -> Option<&str> {
        self.echo.header("x-ab-checkout").filter(|variant| ["blue", "green"].contains(variant))
    }
}

type Rule = (&'static str, bool);

impl Duties {
    /// What must be true of each exchange of a visitor, as sentences for when it is not.
    fn of_every(&self, place: &Place, exchange: &Exchange) -> Vec<Rule> {
        let Exchange { echo, response } = exchange;
        let says = |name: &str, value: &str| response.header(name).is_some_and(|said| said.contains(value));
        let north = self.route && place.is_northern();
        let client = place.address.to_string();
        let is_ours = |name: &str| echo.header(name).is_some();
        let mut rules = vec![
            (
                "the path's prefix is stripped by who routes, and only then",
                echo.path.starts_with(STRIPPED) == self.route,
            ),
            (
                "Scandinavians go north, all others south",
                response.header("x-origin") == Some(if north { "north" } else { "south" }),
            ),
            (
                "the variant is told by who experiments, and only then",
                exchange.variant().is_some() == self.experiment,
            ),
            ("the request is marked by who edits headers, and only then", is_ours("x-edge") == self.headers),
            (
                "the client is told by who edits headers, and only then",
                (echo.header("x-client") == Some(&*client)) == self.headers,
            ),
            (
                "what is internal is removed by who edits headers, and only then",
                is_ours("x-internal-debug") != self.headers,
            ),
            (
                "the response is marked by who edits headers, and only then",
                response.header("x-served-by").is_some() == self.headers,
            ),
            (
                "the origin's software is told unless headers are edited",
                !(self.headers && says("server", SERVER)),
            ),
            (
                "what powers the origin is removed by who edits headers, and only then",
                says("x-powered-by", POWERED_BY) != self.headers,
            ),
            (
                "each small filter makes its mark",
                (0..self.marks).all(|link| echo.header(&mark(link)).is_some()),
            ),
            ("and there are no more of them", echo.header(&mark(self.marks)).is_none()),
        ];
        if self.country {
            let told = echo.header("x-geo-country").map(str::to_owned);
            rules.push(("the country is told as the database has it", told == place.country));
        }
        if self.city {
            let told = echo.header("x-geo-city").map(str::to_owned);
            rules.push(("the city is told as the database has it", told == place.city));
        }
        rules
    }
}

/// The header that a small filter sets, by its place in the chain.
pub(crate) fn mark(link: usize) -> String {
    format!("x-small-{link}")
}

fn ensure_all(rules: &[Rule], exchange: &Exchange) -> Result<()> {
    for (what, holds) in rules {
        ensure!(
            *holds,
            "it is not so that {what}; the origin was asked {:?} and the client was told {:?}",
            exchange.echo,
            exchange.response.headers()
        );
    }
    Ok(())
}

/// No round has this number.
const SEED: u64 = 0;

/// Of a network that is nobody's in particular.
const NOWHERE: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);

#[cfg(test)]
mod tests {
    use edgeloom_testbed::geo;

    use super::*;

    fn refusal(duties: Duties) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("geo.mmdb");
        geo::write(geo::Layout::Flat, &file).unwrap();
        let stage = Stage::set().unwrap();
        // An origin itself: as good as a proxy that changes nothing.
        let client = Client::to(stage.south.address());
        check(&client, duties, &Atlas::open(&file).unwrap()).err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn who_changes_nothing_is_a_plain_proxy_and_nothing_else() {
        assert_eq!(refusal(Duties::default()), None);
        for (duties, expected) in [
            (
                Duties { country: true, ..Duties::default() },
                "that the country is told as the database has it",
            ),
            (Duties { city: true, ..Duties::default() }, "that the city is told as the database has it"),
            (Duties { experiment: true, ..Duties::default() }, "that the variant is told by who experiments"),
            (Duties { route: true, ..Duties::default() }, "that the path's prefix is stripped by who routes"),
            (
                Duties { headers: true, ..Duties::default() },
                "that the request is marked by who edits headers",
            ),
            (Duties { marks: 1, ..Duties::default() }, "that each small filter makes its mark"),
        ] {
            let refusal = refusal(duties).unwrap();
            assert!(refusal.contains(expected), "{refusal}");
        }
    }
}
