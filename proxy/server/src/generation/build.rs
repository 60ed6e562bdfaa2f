//! From a configuration to a generation. Blocks: compiles, reads databases.

mod geo; // where addresses are
mod listeners; // how listeners speak TLS
mod draft; // all that is dear to make
mod assemble; // a generation of it

pub(crate) use self::draft::Draft;
pub(crate) use self::geo::OpenGeo;
pub(super) use self::listeners::TlsRefused;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgeloom_config::{Config, Report, UpstreamTls};
use edgeloom_host::Host;
use tokio::sync::mpsc::UnboundedSender;

use self::geo::geo_files;
use super::answers;
use super::refused::Refused;
use super::watch::{Seen, Stamp};
use super::{Generation, Obituary};
use crate::metrics::Metrics;
use crate::upstreams::Upstreams;
use crate::upstreams::names::Names;

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
