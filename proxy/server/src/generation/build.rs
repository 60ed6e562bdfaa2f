//! From a configuration to a generation. Blocks: compiles, reads databases.

mod geo; // where addresses are
mod listeners; // how listeners speak TLS

pub(crate) use self::geo::OpenGeo;
pub(super) use self::listeners::TlsRefused;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use edgeloom_config::{Bind, Config, Limits, Report, UpstreamTls};
use edgeloom_core::client::Trust;
use edgeloom_core::digest::Digest;
use edgeloom_core::route::RouteTable;
use edgeloom_host::{FilterPlan, Grants, Host, Instances, Opened, PrepareError, Source};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedSender;

use self::geo::{geo_files, open};
use self::listeners::{open_tls, place};
use super::answers::{self, Answers};
use super::refused::{FilterRefused, Refused};
use super::watch::{Seen, Stamp};
use super::{Cluster, Entrance, Generation, Link, Loaded, Obituary, Route, Target};
use crate::listen::tls::Tls;
use crate::metrics::Metrics;
use crate::upstreams::credentials::Credentials;
use crate::upstreams::names::Names;
use crate::upstreams::peer::Reach;
use crate::upstreams::{Plan, Roster, Upstreams};

/// Builds generations: everything that stays the same from one to the next.
#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) path: PathBuf,
    pub(crate) host: Arc<Host>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) upstreams: Arc<Upstreams>,
    /// Of endpoints, whichever generation has them.
    pub(crate) names: Arc<Names>,
    pub(crate) obituaries: UnboundedSender<Obituary>,
}

/// A configuration as it was read, or what is wrong with it.
pub(crate) struct Reading {
    file: (PathBuf, Option<Stamp>),
    pub(crate) config: Result<Config, Report>,
}

impl Reading {
    pub(crate) fn of(path: &Path) -> Self {
        // A file that changes while it is read must not look unchanged afterwards.
        let file = stamped(path);
        Self { file, config: edgeloom_config::load(path) }
    }
}

/// A generation that was built, or why not, and which files were looked at for it.
pub(crate) struct Attempt {
    pub(crate) seen: Seen,
    pub(crate) drafted: Result<Draft, Refused>,
}

/// All that is dear to make of a generation; it has no number yet.
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(super) digest: Digest,
    filters: Vec<Loaded>,
    geo: Option<OpenGeo>,
    /// Of the clusters, by position, where they have TLS.
    credentials: Vec<Option<Credentials>>,
    /// What is accepted, and should be looked at.
    pub(crate) warnings: Vec<String>,
    /// By the position of the listener.
    tls: Vec<Option<Arc<Tls>>>,
    answers: Answers,
    /// How many filters were compiled or configured for it.
    pub(crate) made: usize,
}

impl Builder {
    /// Reads the configuration and makes all that it needs, reusing what `running` has.
    pub(crate) fn attempt(&self, running: Option<&Generation>) -> Attempt {
        self.attempt_at(Reading::of(&self.path), running)
    }

    /// The same, of what was read before.
    pub(crate) fn attempt_at(&self, reading: Reading, running: Option<&Generation>) -> Attempt {
        let Reading { file, config } = reading;
        let mut seen = Seen::from([file]);
        let drafted = config.map_err(Refused::Config).and_then(|config| {
            seen.extend(files(&config).map(stamped));
            self.draft(config, running)
        });
        Attempt { seen, drafted }
    }

    fn draft(&self, config: Config, running: Option<&Generation>) -> Result<Draft, Refused> {
        let credentials = credentials(&config)?;
        let geo =
            config.geo.as_ref().map(|source| open(source, running)).transpose().map_err(Refused::Geo)?;
        let tls = open_tls(&config, running).map_err(Refused::Tls)?;
        let mut digest = Sha256::new_with_prefix(edgeloom_config::explain(&config));
        let answers = answers::read(&config, &mut digest).map_err(Refused::Answers)?;
        // Each file is read once: all filters of a generation that name it have the same.
        let used: HashSet<usize> = config.filters.iter().map(|filter| filter.module).collect();
        let modules: Vec<_> = config.modules.iter().enumerate().collect();
        let modules = in_parallel(&modules, |(position, module)| {
            used.contains(position).then(|| self.host.open(&source(Some(module))).map_err(Arc::new))
        });
        let prepared =
            in_parallel(&config.filters, |filter| self.load(filter, &config, &modules, geo.as_ref()));
        let mut filters = Vec::with_capacity(config.filters.len());
        let mut refused = Vec::new();
        let mut made = 0;
        for (filter, prepared) in config.filters.iter().zip(prepared) {
            match prepared {
                Ok((loaded, reused)) => {
                    filters.push(loaded);
                    made += usize::from(!reused);
                }
                Err(error) => {
                    refused.push(FilterRefused {
                        name: filter.name.clone(),
                        place: filter.place.clone(),
                        error,
                    });
                }
            }
        }
        if !refused.is_empty() {
            return Err(Refused::Filters(refused));
        }
        let digest = Digest(digest.finalize().into());
        let mut warnings = warnings(&config);
        let now = Timestamp::now();
        warnings.extend(tls.iter().flatten().flat_map(|tls| tls.concerns(now)));
        Ok(Draft { config, digest, filters, geo, credentials, tls, warnings, answers, made })
    }

    fn load(
        &self,
        filter: &edgeloom_config::Filter,
        config: &Config,
        modules: &[Option<Result<Opened, Arc<PrepareError>>>],
        geo: Option<&OpenGeo>,
    ) -> Result<(Loaded, bool), Arc<PrepareError>> {
        // Every filter names a module: `edgeloom-config` has seen to it.
        let module = config.modules.get(filter.module);
        let opened = modules.get(filter.module).and_then(Option::as_ref);
        let name_of = |id: &edgeloom_core::ids::ClusterId| {
            config.clusters.get(id.index()).map(|cluster| (cluster.name.as_str().into(), *id))
        };
        let grants = Grants {
            geo: geo.filter(|_| filter.grants.geo).map(|open| Arc::clone(&open.geo)),
            log: filter.grants.log,
            tls: filter.grants.tls,
            clusters: filter.grants.clusters.iter().filter_map(name_of).collect(),
        };
        let named = grant_names(&grants);
        let plan = FilterPlan {
            name: filter.name.as_str().into(),
            source: source(module),
            settings: filter.settings.to_string(),
            grants,
            deadline: filter.deadline,
            memory: filter.memory,
            on_fault: filter.on_fault,
            instances: match filter.instances {
                edgeloom_config::Instances::Fresh => Instances::Fresh,
                edgeloom_config::Instances::Reuse(most) => Instances::Reuse(most),
            },
        };
        let prepared = match opened {
            Some(Ok(opened)) => self.host.prepare_of(opened, &plan)?,
            Some(Err(error)) => return Err(Arc::clone(error)),
            None => self.host.prepare(&plan)?,
        };
        let loaded = Loaded {
            phases: prepared.filter.phases(),
            metrics: self.metrics.filter(&filter.name),
            module: module.map_or_else(Box::default, |module| module.name.as_str().into()),
            grants: named,
            filter: prepared.filter,
        };
        Ok((loaded, prepared.reused))
    }

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

impl Draft {
    /// Whether a generation of this would be the running one over again.
    pub(super) fn is(&self, running: &Generation) -> bool {
        let same_filters =
            self.filters.iter().zip(&running.filters).all(|(a, b)| Arc::ptr_eq(&a.filter, &b.filter));
        let same_geo = match (&self.geo, &running.geo) {
            (Some(new), Some(old)) => Arc::ptr_eq(&new.geo, &old.geo),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        // Files may be written anew and say what they said.
        let digests = |of_it: &Option<Credentials>| of_it.as_ref().map(|of_it| *of_it.digest());
        let same_credentials =
            self.credentials.iter().map(digests).eq(running.credentials.iter().map(digests));
        let same_tls = self.tls.iter().flatten().all(|tls| running.has_tls(tls));
        self.digest == running.digest
            && same_tls
            && self.filters.len() == running.filters.len()
            && same_filters
            && same_geo
            && same_credentials
    }

    /// Says what should be looked at.
    pub(crate) fn warn(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
    }

    pub(crate) fn filters(&self) -> usize {
        self.filters.len()
    }

    /// How each listener speaks TLS, if it does.
    pub(crate) fn tls(&self) -> impl Iterator<Item = &Arc<Tls>> {
        self.tls.iter().flatten()
    }
}

fn source(module: Option<&edgeloom_config::Module>) -> Source {
    Source {
        path: module.map(|module| module.path.clone()).unwrap_or_default(),
        sha256: module.and_then(|module| module.sha256),
        size_max: module.map_or(edgeloom_core::limits::MODULE_MAX, |module| module.size_max),
    }
}

/// What becomes of each item, made on as many threads as there are processors.
fn in_parallel<T: Sync, R: Send>(items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(1);
    let mut made: Vec<Option<R>> = Vec::new();
    made.resize_with(items.len(), || None);
    std::thread::scope(|scope| {
        for (items, made) in items.chunks(share).zip(made.chunks_mut(share)) {
            let make = &make;
            scope.spawn(move || {
                for (item, place) in items.iter().zip(made) {
                    *place = Some(make(item));
                }
            });
        }
    });
    made.into_iter().flatten().collect()
}

/// What clusters' endpoints must show and are shown, by position of the cluster.
fn credentials(config: &Config) -> Result<Vec<Option<Credentials>>, Refused> {
    let load = |cluster: &edgeloom_config::Cluster| {
        let loaded = cluster.tls.as_ref().map(Credentials::load).transpose();
        loaded.map_err(|error| Refused::Credentials(cluster.name.clone(), error))
    };
    config.clusters.iter().map(load).collect()
}

/// What an operator may want, but should know of.
fn warnings(config: &Config) -> Vec<String> {
    let open = |cluster: &&edgeloom_config::Cluster| cluster.tls.as_ref().is_some_and(|tls| !tls.verify);
    let warn = |cluster: &edgeloom_config::Cluster| {
        format!(
            "cluster `{}` does not verify certificates (`verify: false`): whoever is in between can read and change everything",
            cluster.name
        )
    };
    config.clusters.iter().filter(open).map(warn).collect()
}

/// Every file that a configuration names and that is read for it.
fn files(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let modules = config.modules.iter().map(|module| &module.path);
    let upstream = config.clusters.iter().filter_map(|cluster| cluster.tls.as_ref());
    let downstream = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    modules
        .chain(config.geo.iter().flat_map(geo_files))
        .chain(upstream.flat_map(UpstreamTls::files))
        .chain(downstream.flat_map(edgeloom_config::Tls::files))
        .chain(answers::files(config))
}

fn stamped(path: impl AsRef<Path>) -> (PathBuf, Option<Stamp>) {
    (path.as_ref().to_owned(), Stamp::of(path.as_ref()))
}

fn grant_names(grants: &Grants) -> Box<[Box<str>]> {
    let clusters = grants.clusters.iter().map(|(name, _)| format!("cluster:{name}").into());
    let plain = [("geo", grants.geo.is_some()), ("log", grants.log), ("tls", grants.tls)];
    let plain = plain.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.into());
    plain.chain(clusters).collect()
}
