//! Whether a tenant is served by its own filters, and by nobody else's, seen from both ends.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use edgeloom_testbed::{Client, Echo, Request, Response};

use super::Tenant;
use crate::atlas::Place;

/// Each route of a tenant, once; all of its filters are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    Shop,
    Api,
    Moved,
    Rest,
}

impl Visit {
    pub(crate) const ALL: [Self; 4] = [Self::Shop, Self::Api, Self::Moved, Self::Rest];

    pub(crate) fn request(self, tenant: Tenant, place: &Place) -> Request {
        let path = match self {
            Self::Shop => "/shop/articles/trousers".to_owned(),
            Self::Api => "/api/articles".to_owned(),
            Self::Moved => format!("/moved/{}-3", tenant.name()),
            Self::Rest => "/".to_owned(),
        };
        let request = Request::get(&path).host(&tenant.host()).forwarded_for(&place.address.to_string());
        request.header("x-internal-debug", "1").header(&format!("x-{}-token", tenant.name()), "secret")
    }
}

/// Has a visitor ask every route of a tenant, in front of origins that say what they were asked.
pub(crate) fn check(edge: SocketAddr, tenant: Tenant, place: &Place) -> Result<()> {
    let client = Client::try_to(edge)?;
    for visit in Visit::ALL {
        let response = client.attempt(visit.request(tenant, place))?;
        let rules = rules(visit, tenant, place, &response)?;
        for (what, holds) in rules {
            ensure!(
                holds,
                "{visit:?} of tenant {}: it is not so that {what}; the client was told {}, {:?}: {}",
                tenant.name(),
                response.status(),
                response.headers(),
                response.text()
            );
        }
    }
    Ok(())
}

type Rule = (&'static str, bool);

fn rules(visit: Visit, tenant: Tenant, place: &Place, response: &Response) -> Result<Vec<Rule>> {
    let name = tenant.name();
    let tidied = ("the response is marked", response.header("x-served-by") == Some(&format!("edge-{name}")));
    if visit == Visit::Moved {
        let target = format!("/articles/{}3?from={name}", tenant.0);
        let moved = response.status() == 301 && response.header("location") == Some(&target);
        return Ok(vec![("a page that was moved is elsewhere", moved), tidied]);
    }
    let echo: Echo = response.try_json().context("the origin's answer does not come through")?;
    let asked = |header: &str| echo.header(header);
    let own = |header: &str| asked(&format!("x-{name}-{header}"));
    // What others' filters would leave.
    let strange =
        echo.headers.iter().filter(|(line, _)| line.starts_with("x-t0") || line.starts_with("x-mark-"));
    let strange = strange.filter(|(line, _)| !line.contains(&name)).count();
    let mut rules = vec![
        ("the country is told under the tenant's own name", own("country") == place.country.as_deref()),
        ("nobody else's filter was called", strange == 0),
    ];
    let policy = || response.header("content-security-policy").is_some_and(|policy| policy.contains(&name));
    let marked = asked(&format!("x-mark-{name}")).is_some();
    rules.extend(match visit {
        Visit::Shop => {
            let near = place.country.as_deref().is_some_and(|country| tenant.near().contains(&country));
            let origin = if near { "north" } else { "south" };
            vec![
                ("who is near goes north", response.header("x-origin") == Some(origin)),
                ("the prefix is stripped", echo.path == "/articles/trousers"),
                ("the experiment's cookie is set", response.sets_cookie(&format!("{name}-ab")).is_some()),
                ("the tenant is told", asked("x-tenant") == Some(&*name)),
                ("what is internal is removed", asked("x-internal-debug").is_none()),
                ("the policy is the tenant's", policy()),
                tidied,
            ]
        }
        Visit::Api => vec![
            ("the partner is the tenant's", asked("x-partner") == Some(&format!("partner-{name}"))),
            ("the token is renamed", asked("x-token") == Some("secret") && own("token").is_none()),
            ("the mark is made", marked),
            ("what is not asked for does not happen", asked("x-tenant").is_none()),
        ],
        Visit::Rest => vec![
            ("the banner's cookie is set", response.sets_cookie(&format!("{name}-banner")).is_some()),
            ("the banner is told", asked("x-ab-banner").is_some()),
            ("the policy is the tenant's", policy()),
            ("the mark is made", marked),
            tidied,
        ],
        Visit::Moved => Vec::new(),
    });
    Ok(rules)
}
