//! What a person may try.

use anyhow::{Context, Result};

use crate::atlas::{Atlas, Family};
use crate::world::World;
use crate::{Arguments, say};

/// Prints requests to make, and what to look for.
pub(crate) fn print(world: &World, arguments: &Arguments) -> Result<()> {
    let address = world.edge.address();
    let curl = |options: &str, path: &str| format!("    curl -s {options}'{address}{path}'");
    let from = |client: &str| format!("-H 'X-Forwarded-For: {client}' ");
    say(&format!("\nThe edge listens on http://{address}; admin on http://{}.", world.edge.admin()));
    for (name, origin) in &world.origins {
        say(&format!("Origin `{name}` on http://{} says what it was asked.", origin.address()));
    }
    say("\nTo try (this machine is a trusted proxy, so it may say where a visitor comes from):");
    let (swede, known) = swede(world)?;
    let tries = [
        (
            format!("A visitor from {known}: `north` answers, and was told x-geo-country: SE"),
            curl(&from(&swede), "/"),
        ),
        ("Somebody else, over IPv6: `south` answers".to_owned(), curl(&from("2001:db8:9::1"), "/")),
        (
            "A prefix is stripped and an old path is rewritten: see `path`".to_owned(),
            curl(&from("8.8.8.8"), "/shop/cart?item=7") + "\n" + &curl(&from("8.8.8.8"), "/p/4711"),
        ),
        (
            "A variant of `checkout` for each new visitor, kept by a cookie: see x-ab-checkout".to_owned(),
            curl(&("-c /tmp/jar -b /tmp/jar ".to_owned() + &from("203.0.113.7")), "/")
                + "\n"
                + &curl(&("-c /tmp/jar -b /tmp/jar ".to_owned() + &from("8.8.4.4")), "/"),
        ),
        ("The canary, for who asks: `canary` answers".to_owned(), curl("-H 'X-Canary: 1' ", "/")),
        (
            "Headers out: x-served-by, x-content-type-options and others added, x-powered-by removed"
                .to_owned(),
            curl(&("-D- -o /dev/null ".to_owned() + &from(&swede)), "/"),
        ),
    ];
    for (number, (what, lines)) in (1..).zip(tries) {
        say(&format!("\n{number}. {what}\n{lines}"));
    }
    say(&format!(
        "\nThen edit {}, say `x-served-by: edgeloom`, and ask again: the next request is answered by the new one.
So with a .wasm file that is built anew. `curl -s {}/v1/generation` says what is live.
Ctrl-C ends everything.\n",
        arguments.config.display(),
        world.edge.admin()
    ));
    Ok(())
}

/// An address in Sweden, and the city or country that the database has it in.
fn swede(world: &World) -> Result<(String, String)> {
    let atlas = Atlas::open(world.databases.first().context("there is one")?)?;
    let found = match atlas.somewhere_in("SE", Family::V4)? {
        Some(address) => Some(address),
        None => atlas.somewhere_in("SE", Family::V6)?,
    };
    let address = found.context("the database has no address in Sweden")?;
    let city = atlas.spot(address)?.city;
    Ok((address.to_string(), city.unwrap_or_else(|| "Sweden".to_owned())))
}
