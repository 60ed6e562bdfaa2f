//! Headers, both ways.

use anyhow::Result;

use super::{Trial, get_from};

pub(super) fn try_it(trial: &mut Trial) -> Result<()> {
    trial.report.chapter("Header rewriting, by the `headers` filter");
    let client = trial.visitor_from("SE")?;
    let request = get_from(client, "/").header("x-internal-role", "admin").header("x-internal-debug", "1");
    let answer = trial.ask(request)?;
    let (asked, told) = (&answer.echo, &answer.response);

    let internal: Vec<_> = asked.headers.iter().filter(|(name, _)| name.starts_with("x-internal-")).collect();
    let claims = [
        ("x-internal-* does not come in from outside", internal.is_empty(), format!("{internal:?}")),
        (
            "the origin is told the client's address, in x-client",
            asked.header("x-client") == Some(&*client.to_string()),
            format!("{:?}", asked.header("x-client")),
        ),
        (
            "the client is told the exchange's identifier, and the origin the same one",
            told.header("x-exchange").is_some() && told.header("x-exchange") == asked.header("x-request-id"),
            format!("{:?} and {:?}", told.header("x-exchange"), asked.header("x-request-id")),
        ),
        (
            "what the origin is built with does not go out",
            told.header("x-powered-by").is_none(),
            format!("{:?}", told.header("x-powered-by")),
        ),
        (
            "the client is told to be careful: x-content-type-options: nosniff",
            told.header("x-content-type-options") == Some("nosniff"),
            format!("{:?}", told.headers()),
        ),
        (
            "the client is told where we think it is, in x-served-for",
            told.header("x-served-for") == Some("SE"),
            format!("{:?}", told.header("x-served-for")),
        ),
    ];
    for (claim, holds, seen) in claims {
        trial.check(claim, holds, || seen);
    }
    Ok(())
}
