//! All that is dear to make: files read, modules compiled, databases opened.

use std::collections::HashSet;
use std::sync::Arc;

use edgeloom_config::Config;
use edgeloom_core::digest::Digest;
use edgeloom_host::{FilterPlan, Grants, Instances, Opened, PrepareError, Source};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Builder;
use super::geo::{OpenGeo, open};
use super::listeners::open_tls;
use crate::descriptors;
use crate::generation::answers::{self, Answers};
use crate::generation::refused::{FilterRefused, Refused};
use crate::generation::{Generation, Loaded};
use crate::listen::tls::Tls;
use crate::metrics::shares;
use crate::upstreams::credentials::Credentials;

/// All that is dear to make of a generation; it has no number yet.
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(in crate::generation) digest: Digest,
    pub(super) filters: Vec<Loaded>,
    pub(super) geo: Option<OpenGeo>,
    /// Of the clusters, by position, where they have TLS.
    pub(super) credentials: Vec<Option<Credentials>>,
    /// What is accepted, and should be looked at.
    pub(crate) warnings: Vec<String>,
    /// By the position of the listener.
    pub(super) tls: Vec<Option<Arc<Tls>>>,
    pub(super) answers: Answers,
    /// How many filters were compiled or configured for it.
    pub(crate) made: usize,
}

impl Builder {
    pub(super) fn draft(&self, config: Config, running: Option<&Generation>) -> Result<Draft, Refused> {
        let credentials = credentials(&config, running)?;
        let geo =
            config.geo.as_ref().map(|source| open(source, running)).transpose().map_err(Refused::Geo)?;
        let tls = open_tls(&config, running).map_err(Refused::Tls)?;
        let mut digest = Sha256::new_with_prefix(edgeloom_config::explain(&config));
        let answers = answers::read(&config, &mut digest).map_err(Refused::Answers)?;
        // Each file is read once: all filters of a generation that name it have the same.
        let used: HashSet<usize> = config.filters.iter().map(|filter| filter.module).collect();
        let modules: Vec<_> = config.modules.iter().enumerate().collect();
        let builders = builders(shares(), running.is_some());
        let modules = in_parallel(builders, &modules, |(position, module)| {
            used.contains(position).then(|| self.host.open(&source(Some(module))).map_err(Arc::new))
        });
        let load = |filter: &_| self.load(filter, &config, &modules, geo.as_ref());
        let prepared = in_parallel(builders, &config.filters, load);
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
        warnings.extend(descriptors::concern(&config));
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
}

impl Draft {
    /// Whether a generation of this would be the running one over again.
    pub(in crate::generation) fn is(&self, running: &Generation) -> bool {
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

/// How many threads build: on all processors as long as nobody is served, and then on half of them, so that a worker
/// that wakes finds one where nobody builds.
fn builders(processors: usize, serving: bool) -> usize {
    if serving { (processors / 2).max(1) } else { processors }
}

/// What becomes of each item, made on so many threads.
fn in_parallel<T: Sync, R: Send>(threads: usize, items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if threads == 1 {
        return items.iter().map(make).collect();
    }
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

/// What clusters' endpoints must show and are shown, by position of the cluster: what the running generation has where
/// the files say the same, so that sessions go on.
fn credentials(config: &Config, running: Option<&Generation>) -> Result<Vec<Option<Credentials>>, Refused> {
    let mut known: Vec<Credentials> =
        running.iter().flat_map(|running| running.credentials.iter().flatten()).cloned().collect();
    let mut load = |cluster: &edgeloom_config::Cluster| {
        let Some(tls) = &cluster.tls else { return Ok(None) };
        let loaded =
            Credentials::load(tls).map_err(|error| Refused::Credentials(cluster.name.clone(), error))?;
        if let Some(same) = known.iter().find(|known| known.digest() == loaded.digest()) {
            return Ok(Some(same.clone()));
        }
        known.push(loaded.clone());
        Ok(Some(loaded))
    };
    config.clusters.iter().map(&mut load).collect()
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

fn grant_names(grants: &Grants) -> Box<[Box<str>]> {
    let clusters = grants.clusters.iter().map(|(name, _)| format!("cluster:{name}").into());
    let plain = [("geo", grants.geo.is_some()), ("log", grants.log), ("tls", grants.tls)];
    let plain = plain.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.into());
    plain.chain(clusters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_processors_are_left_to_workers() {
        assert_eq!([1, 2, 3, 8].map(|processors| builders(processors, true)), [1, 1, 1, 4]);
        assert_eq!([1, 2, 3, 8].map(|processors| builders(processors, false)), [1, 2, 3, 8]);
    }

    #[test]
    fn what_is_made_in_parallel_stays_in_order() {
        let items: Vec<usize> = (0..10).collect();
        for threads in [1, 2, 3, 20] {
            assert_eq!(in_parallel(threads, &items, |item| item * 2), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
        }
    }
}
