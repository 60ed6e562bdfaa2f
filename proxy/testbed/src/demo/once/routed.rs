//! Which origin answers, and for which path.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;

use super::{Trial, get_from};

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("Routing, by the `route` filter");
    let (sweden, japan) = (trial.visitor_from("SE")?, trial.visitor_from("JP")?);
    let nowhere = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    for (who, client, expected) in [
        ("a visitor from Sweden", sweden, "north"),
        ("a visitor from Japan", japan, "south"),
        ("a visitor from nowhere known", nowhere, "south"),
    ] {
        let answer = trial.ask(get_from(client, "/"))?;
        let claim = format!("{who} is served by `{expected}`");
        trial.check(&claim, answer.origin() == Some(expected), || format!("{:?}", answer.origin()));
    }
    for client in [sweden, japan] {
        let answer = trial.ask(get_from(client, "/").header("x-canary", "1"))?;
        let claim = format!("{client} asks for the canary with a header, and gets it");
        trial.check(&claim, answer.origin() == Some("canary"), || format!("{:?}", answer.origin()));
    }
    for (asked, expected) in
        [("/shop/cart?item=7", "/cart?item=7"), ("/p/4711", "/articles/4711"), ("/shopping", "/shopping")]
    {
        let answer = trial.ask(get_from(japan, asked))?;
        let claim = format!("{asked} is {expected} to the origin");
        trial.check(&claim, answer.echo.path == expected, || answer.echo.path.clone());
    }
    Ok(())
}
