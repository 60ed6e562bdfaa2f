//! Who gets which variant, and keeps it.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use edgeloom_testbed::Request;

use super::{Answer, Trial, get_from};

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("A/B testing, by the `ab` filter");
    let first = trial.ask(get_from(visitor(0), "/"))?;
    let (variant, cookie) = (variant(&first), cookie(&first));
    trial.check(
        "a new visitor gets a variant, and a cookie that remembers it",
        VARIANTS.contains(&&*variant) && cookie.is_some(),
        || format!("variant `{variant}`, cookie {cookie:?}"),
    );
    let cookie = cookie.context("without a cookie nothing can be sticky")?;

    let mut changed = Vec::new();
    for number in 1..=100 {
        let again = trial.ask(returning(visitor(number), &cookie))?;
        if self::variant(&again) != variant || self::cookie(&again).is_some() {
            changed.push(format!("{}: `{}`", visitor(number), self::variant(&again)));
        }
    }
    let claim = format!(
        "with that cookie it stays `{variant}`, from a hundred other addresses, and no cookie is set again"
    );
    trial.check(&claim, changed.is_empty(), || changed.join(", "));

    forged(trial)?;
    shares(trial)
}

fn forged(trial: &mut Trial) -> Result<()> {
    let answer = trial.ask(returning(visitor(0), "checkout.gold"))?;
    let (variant, cookie) = (variant(&answer), cookie(&answer));
    trial.check(
        "a cookie with an unknown variant is replaced",
        VARIANTS.contains(&&*variant) && cookie.is_some(),
        || format!("variant `{variant}`, cookie {cookie:?}"),
    );
    let answer = trial.ask(get_from(visitor(0), "/").header(HEADER, "gold"))?;
    let told = answer.echo.header_all(HEADER);
    trial.check("a variant that the client claims in a header is not passed on", told == [&*variant], || {
        format!("{told:?}")
    });
    Ok(())
}

/// Whether the variants fall as often as their weights say.
fn shares(trial: &mut Trial) -> Result<()> {
    let mut green = 0_u32;
    for number in 0..VISITORS {
        let answer = trial.ask(get_from(visitor(number), "/"))?;
        green += u32::from(variant(&answer) == "green");
    }
    let expected = f64::from(VISITORS) * GREEN;
    // Five standard deviations of a binomial draw: a fair filter fails this
    // once in a million edits of its settings.
    let tolerance = 5.0 * (expected * (1.0 - GREEN)).sqrt();
    let claim = format!("of {VISITORS} new visitors, {green} got `green`: one in five, as its weight says");
    trial.check(&claim, (f64::from(green) - expected).abs() <= tolerance, || {
        format!("expected {expected} ± {tolerance:.0}")
    });
    Ok(())
}

fn variant(answer: &Answer) -> String {
    answer.echo.header(HEADER).unwrap_or("none").to_owned()
}

fn cookie(answer: &Answer) -> Option<String> {
    answer.response.sets_cookie(COOKIE).map(str::to_owned)
}

fn returning(client: IpAddr, cookie: &str) -> Request {
    get_from(client, "/").cookie(COOKIE, cookie)
}

/// Visitors that the database knows nothing of: they all take part.
fn visitor(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 0, 1]) + number).into()
}

const VISITORS: u32 = 2_000;

/// The experiment `checkout` in `config/edge.yaml`.
const HEADER: &str = "x-ab-checkout";
const COOKIE: &str = "ab";
const VARIANTS: [&str; 2] = ["blue", "green"];
const GREEN: f64 = 0.2;
