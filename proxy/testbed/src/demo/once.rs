//! Trying it all, and ending: what `--once` does.

mod compared; // ten thousand addresses against the database itself
mod located; // what origins are told of where a visitor is
mod rewritten; // headers, both ways
mod routed; // which origin answers, and for which path
mod split; // who gets which variant, and keeps it
mod swapped; // what an edit changes

use std::net::IpAddr;

use anyhow::{Context, Result};
use edgeloom_testbed::{Echo, Request, Response};

use crate::Arguments;
use crate::atlas::{Atlas, Family};
use crate::report::Report;
use crate::say;
use crate::world::World;

/// A demo that is being tried.
struct Trial {
    world: World,
    atlas: Atlas,
    report: Report,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let world = World::elsewhere(arguments)?;
    let database = world.databases.first().context("there is one")?;
    let atlas = Atlas::open(database)?;
    let mut trial = Trial { world, atlas, report: Report::default() };
    say(&format!(
        "An edge on {}, {} origins behind it.",
        trial.world.edge.address(),
        trial.world.origins.len()
    ));
    located::try_it(&mut trial)?;
    split::try_it(&mut trial)?;
    routed::try_it(&mut trial)?;
    rewritten::try_it(&mut trial)?;
    swapped::try_it(&mut trial)?;
    if arguments.real_geo.is_some() {
        compared::try_it(&mut trial)?;
    }
    Ok(trial.report.conclude())
}

impl Trial {
    fn check(&mut self, claim: &str, holds: bool, seen: impl FnOnce() -> String) {
        self.report.check(claim, holds, seen);
    }

    fn ask(&self, request: Request) -> Result<Answer> {
        let response = self.world.edge.client().attempt(request.host(HOST))?;
        let echo = response.try_json().with_context(|| {
            format!("no origin has answered, but: {} {}", response.status(), response.text())
        })?;
        Ok(Answer { response, echo })
    }

    /// A visitor from this country, as the database has it.
    fn visitor_from(&self, country: &str) -> Result<IpAddr> {
        let found = self.atlas.somewhere_in(country, Family::V4)?;
        found.with_context(|| format!("the database has no address in {country}"))
    }
}

/// What a client gets, and what the origin was asked: its body says it.
struct Answer {
    response: Response,
    echo: Echo,
}

impl Answer {
    /// Which origin has answered.
    fn origin(&self) -> Option<&str> {
        self.response.header("x-origin")
    }
}

fn get_from(client: IpAddr, path: &str) -> Request {
    Request::get(path).forwarded_for(&client.to_string())
}

/// The host of the routes in `config/edge.yaml`.
const HOST: &str = "shop.example";
