//! What is asked: one visitor of a shop, again and again.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Client, Echo, Request, Response};

use crate::round::Bench;
use crate::scenario::Scenario;

/// A visitor with a browser's headers, who has been here before: the cookie is
/// one that the `ab` filter issued.
pub(crate) struct Visitor {
    cookie: String,
}

impl Visitor {
    /// Comes for the first time, to the four filters, and keeps the cookie.
    pub(crate) fn arrive(bench: &Bench) -> Result<Self> {
        let (edge, _echoes) = bench.rehearsal(Scenario::Fresh)?;
        let new = Self { cookie: "session=0f2c9a417be35d68".to_owned() };
        let response = edge.client().attempt(new.request(PATH))?;
        let issued = response.sets_cookie(COOKIE).context("the `ab` filter set no cookie")?;
        Ok(Self { cookie: format!("{}; {COOKIE}={issued}", new.cookie) })
    }

    pub(crate) fn headers(&self) -> Vec<(&'static str, &str)> {
        BROWSER.iter().copied().chain([("cookie", &*self.cookie)]).collect()
    }

    /// For oha, which makes another path of it for every request.
    pub(crate) fn url_pattern(&self, address: SocketAddr) -> String {
        format!("http://{address}/shop/articles/[a-z]{{8}}\\?page=[1-9]")
    }

    pub(crate) fn request(&self, path: &str) -> Request {
        let request = Request::get(path);
        self.headers().into_iter().fold(request, |request, (name, value)| match name {
            "host" => request.host(value),
            _ => request.header(name, value),
        })
    }

    /// Whether the edge does the whole job of this scenario, before its time is taken.
    pub(crate) fn check(&self, client: &Client, scenario: Scenario) -> Result<()> {
        let response = client.attempt(self.request(PATH))?;
        ensure!(response.status() == 200, "the edge answers {}: {}", response.status(), response.text());
        let echo: Echo = response.try_json()?;
        for (what, as_it_must) in job(scenario, &response, &echo) {
            ensure!(
                as_it_must,
                "{what}; the origin was asked {echo:?} and the client was told {:?}",
                response.headers()
            );
        }
        Ok(())
    }
}

/// What must be true of an exchange, as sentences for when it is not.
fn job(scenario: Scenario, response: &Response, echo: &Echo) -> Vec<(&'static str, bool)> {
    let filters = scenario.filters();
    let all = filters == 4;
    let variant = echo.header("x-ab-checkout");
    vec![
        (
            "geolocation is told to the origin if, and only if, `geo` runs",
            (echo.header("x-geo-country") == Some("SE")) == all,
        ),
        ("the city too", (echo.header("x-geo-city") == Some("Stockholm")) == all),
        (
            "the variant is told to the origin if, and only if, `ab` runs",
            variant.is_some_and(|variant| ["green", "blue"].contains(&variant)) == all,
        ),
        ("a visitor with a good cookie gets no new one", response.sets_cookie(COOKIE).is_none()),
        ("the prefix is stripped if, and only if, `route` runs", echo.path.starts_with("/articles/") == all),
        (
            "Swedes go north if, and only if, `route` runs",
            (response.header("x-origin") == Some("north")) == all,
        ),
        (
            "`headers` marks the request if, and only if, it runs",
            echo.header("x-edge").is_some() == (filters > 0),
        ),
        (
            "`headers` removes what is internal if, and only if, it runs",
            echo.header("x-internal-debug").is_none() == (filters > 0),
        ),
        (
            "`headers` marks the response if, and only if, it runs",
            response.header("x-served-by").is_some() == (filters > 0),
        ),
    ]
}

pub(crate) const PATH: &str = "/shop/articles/trousers?page=2";

/// The cookie of the `ab` filter in `scenarios/edge4.yaml`.
const COOKIE: &str = "ab";

/// What browsers send, give or take: fourteen lines with the cookie.
const BROWSER: [(&str, &str); 13] = [
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "sv-SE,sv;q=0.8,en-US;q=0.5,en;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "http://shop.example/shop/"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("priority", "u=0, i"),
    ("x-internal-debug", "1"),
    // The loopback is trusted, so this is the client: in Stockholm, in the demo's database.
    ("x-forwarded-for", "192.0.2.7"),
];
