//! From a draft to a generation: what is left to do is cheap, and can not fail.

use std::sync::Arc;
use std::time::Instant;

use edgeloom_config::{Bind, Limits};
use edgeloom_core::client::Trust;
use edgeloom_core::route::RouteTable;
use jiff::Timestamp;

use super::listeners::place;
use super::{Builder, Draft};
use crate::generation::{Cluster, Entrance, Generation, Link, Route, Target};
use crate::upstreams::credentials::Credentials;
use crate::upstreams::peer::Reach;
use crate::upstreams::{Plan, Roster};

impl Builder {
    /// Makes a draft the generation of that number. `listeners` are those the process was started with.
    pub(crate) fn generation(
        &self,
        number: u64,
        draft: Draft,
        listeners: &[Bind],
        running: Option<&Generation>,
    ) -> Generation {
        let Draft { config, digest, filters, geo, credentials, tls, answers, made: _, warnings: _ } = draft;
        let wanted: Vec<_> = listeners
            .iter()
            .enumerate()
            .map(|(position, bind)| (position, place(&config, position, bind)))
            .collect();
        // A listener that was taken out of the file goes on as it was until the restart.
        let entrance = |(position, place): &(usize, Option<usize>)| {
            let unchanged = || running.map(|running| running.entrance(*position).clone()).unwrap_or_default();
            let written = place.and_then(|place| config.listeners.get(place));
            written.map_or_else(unchanged, |listener| Entrance {
                trust: Trust::new(listener.trust.clone(), listener.forwarded),
                forwarding: listener.forwarding,
                to_https: listener.to_https,
            })
        };
        let tls = |(position, place): &(usize, Option<usize>)| match place {
            Some(place) => tls.get(*place).cloned().flatten(),
            None => running.and_then(|running| running.tls(*position).cloned()),
        };
        let table = RouteTable::new(config.routes.iter().map(|route| route.when.clone()).collect());
        let clusters = config.clusters.into_iter().zip(&credentials);
        let clusters = clusters.map(|(cluster, of_it)| self.cluster(cluster, of_it.as_ref())).collect();
        Generation {
            number,
            digest,
            time: Timestamp::now(),
            born: Instant::now(),
            table,
            entrances: wanted.iter().map(entrance).collect(),
            nobody: Entrance::default(),
            tls: wanted.iter().map(tls).collect(),
            limits: config.limits,
            pages: answers.pages,
            routes: config
                .routes
                .into_iter()
                .zip(answers.targets)
                .map(|(route, target)| self.route(route, target, &config.limits))
                .collect(),
            clusters,
            credentials: credentials.into(),
            filters: filters.into(),
            geo,
            obituaries: self.obituaries.clone(),
        }
    }

    fn route(&self, route: edgeloom_config::Route, target: Target, limits: &Limits) -> Route {
        let link = |link: edgeloom_config::Link| Link {
            filter: link.filter,
            always: link.when.is_always(),
            when: link.when,
        };
        Route {
            metrics: self.metrics.route(&route.name),
            name: route.name.into(),
            chain: route.chain.into_iter().map(link).collect(),
            target,
            body: route.body.unwrap_or(limits.body).0,
            compression: route.compression,
            upgrades: route.upgrades,
            mirror: route.mirror,
        }
    }

    fn cluster(&self, cluster: edgeloom_config::Cluster, credentials: Option<&Credentials>) -> Cluster {
        let reach = Reach::new(&cluster, credentials, &self.names);
        let upstream = self.upstreams.named(&cluster.name);
        let plan = Arc::new(Plan {
            balance: cluster.balance,
            health: cluster.health,
            eject: cluster.eject,
            retry: cluster.retry,
            load: cluster.load,
            breaker: cluster.breaker,
            timeouts: cluster.timeouts,
            failover: cluster.failover.into(),
        });
        Cluster {
            name: cluster.name.into(),
            roster: Roster::new(cluster.endpoints, reach, Arc::clone(&plan), Arc::clone(&upstream)),
            plan,
            upstream,
        }
    }
}
