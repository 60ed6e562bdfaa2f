//! What origins are told of where a visitor is.

use std::net::Ipv4Addr;

use anyhow::Result;
use edgeloom_testbed::{Echo, Request};
use percent_encoding::percent_decode_str;

use super::{Trial, get_from};
use crate::atlas::{Family, Spot};

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("Geolocation, by the `geo` filter");
    let stockholm = trial.visitor_from("SE")?;
    // Not every database has both families.
    let japan = match trial.atlas.somewhere_in("JP", Family::V6)? {
        Some(address) => address,
        None => trial.visitor_from("JP")?,
    };
    let google = Ipv4Addr::new(8, 8, 8, 8).into();
    let visitors = [stockholm, japan, trial.visitor_from("BR")?, google];
    for address in visitors {
        let expected = trial.atlas.spot(address)?;
        let told = told(&trial.ask(get_from(address, "/"))?.echo);
        let claim = format!("{address}: the origin is told {}", words(&expected));
        trial.check(&claim, told == expected, || words(&told));
    }

    let expected = trial.atlas.spot(stockholm)?;
    let lie = get_from(stockholm, "/").header(COUNTRY, "ZZ").header(CITY, "Atlantis");
    let heard = told(&trial.ask(lie)?.echo);
    trial.check("a client that sends these headers itself is not believed", heard == expected, || {
        words(&heard)
    });

    let chain = Request::get("/").forwarded_for(&format!("8.8.8.8, {stockholm}"));
    let heard = told(&trial.ask(chain)?.echo);
    let claim = "of several forwarded addresses the nearest that is not a trusted proxy counts";
    trial.check(claim, heard == expected, || words(&heard));
    Ok(())
}

/// What an origin was told of the visitor.
pub(super) fn told(echo: &Echo) -> Spot {
    let text =
        |name| echo.header(name).map(|value| percent_decode_str(value).decode_utf8_lossy().into_owned());
    Spot { country: text(COUNTRY), city: text(CITY) }
}

fn words(spot: &Spot) -> String {
    match (&spot.country, &spot.city) {
        (Some(country), Some(city)) => format!("{country}, {city}"),
        (Some(country), None) => format!("{country}, and no city"),
        (None, Some(city)) => format!("{city}, in no country"),
        (None, None) => "nothing".to_owned(),
    }
}

/// As `config/edge.yaml` has the `geo` filter name them.
const COUNTRY: &str = "x-geo-country";
const CITY: &str = "x-geo-city";
