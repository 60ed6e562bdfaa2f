//! The five verbs in a row, each result kept by its content.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use edgeloom_core::digest::Digest;
use edgeloom_core::fault::OnFault;
use edgeloom_core::limits::{CONFIGURE_DEADLINE, INSTANCES_MAX, MODULE_MAX};
use edgeloom_core::units::Bytes;

use crate::cache::Cache;
use crate::call::Instance;
use crate::compile::{CompileError, Component};
use crate::configure::{ConfigureError, Image, Workshop};
use crate::engine::{self, EngineError};
use crate::fetch::{FetchError, Source, fetch};
use crate::filter::{Filter, Instances, Terms};
use crate::grants::Grants;
use crate::inspect::Inspection;
use crate::link::{LinkError, Linked, link};
use crate::pool::{Pool, Slots};
use crate::ticker::Ticker;
use crate::verify::{VerifyError, digest, verify};

/// Prepares filters. One a process: its pool is where all instances live.
pub struct Host {
    workshop: Workshop,
    slots: Arc<Slots>,
    stages: Mutex<Stages>,
}

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where compiled filters are kept; nowhere while there is none.
    pub cache: Option<PathBuf>,
    /// How many instances there may be at one time.
    pub instances_max: u32,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { cache: None, instances_max: INSTANCES_MAX }
    }
}

/// A filter as the configuration means it.
#[derive(Debug, Clone)]
pub struct FilterPlan {
    pub name: Arc<str>,
    pub source: Source,
    /// What is under `settings:`, as JSON.
    pub settings: String,
    pub grants: Grants,
    pub deadline: Duration,
    pub memory: Bytes,
    pub on_fault: OnFault,
    pub instances: Instances,
}

/// A module's file as it was read: verified and compiled.
#[derive(Clone)]
pub struct Opened(Arc<Component>);

/// A filter, and whether anything had to be made for it.
#[derive(Debug)]
pub struct Prepared {
    pub filter: Arc<Filter>,
    /// The image was there already: same bytes, same settings.
    pub reused: bool,
}

/// Why a filter could not be prepared: the sum of the verbs' errors.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct PrepareError {
    pub path: PathBuf,
    pub reason: Reason,
}

/// The verb that refused.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Results of earlier verbs, alive as long as some filter uses them.
#[derive(Default)]
struct Stages {
    components: HashMap<Digest, Weak<Component>>,
    images: HashMap<(Digest, Digest), Weak<Image>>,
    filters: HashMap<Arc<str>, Weak<Filter>>,
}

impl Host {
    /// Sets up the engines and starts their clocks.
    ///
    /// # Errors
    ///
    /// Where the machine has no address space for the pool, or no thread to give.
    pub fn new(options: &HostOptions) -> Result<Self, EngineError> {
        let serving = engine::serving(options.instances_max)?;
        let configuring = engine::configuring()?;
        let ticker = |engine| Ticker::start(engine).map_err(EngineError::Ticker);
        let slots = Slots::new(options.instances_max / 2);
        Ok(Self {
            workshop: Workshop {
                serving_ticker: ticker(&serving)?,
                configuring_ticker: ticker(&configuring)?,
                serving,
                configuring,
                cache: Cache::open(options.cache.clone()),
            },
            slots: Arc::new(slots),
            stages: Mutex::default(),
        })
    }

    /// From a file to a compiled module, from which any number of filters are prepared. Compiles
    /// where it has to, so call it off the request path.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`]: it names the file, what is wrong and the remedy.
    pub fn open(&self, source: &Source) -> Result<Opened, PrepareError> {
        let open = || -> Result<Opened, Reason> {
            let bytes = fetch(&source.path, source.size_max)?;
            Ok(Opened(self.component(bytes, source.sha256)?))
        };
        open().map_err(|reason| PrepareError { path: source.path.clone(), reason })
    }

    /// From a plan to something that can be called. Runs the guest's `configure`, and compiles where
    /// it has to, so call it off the request path.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`]: it names the file, what is wrong and the remedy.
    pub fn prepare(&self, plan: &FilterPlan) -> Result<Prepared, PrepareError> {
        self.prepare_of(&self.open(&plan.source)?, plan)
    }

    /// As [`prepare`](Self::prepare), of a module that was opened from the plan's source before.
    ///
    /// # Errors
    ///
    /// As for [`prepare`](Self::prepare).
    pub fn prepare_of(&self, opened: &Opened, plan: &FilterPlan) -> Result<Prepared, PrepareError> {
        let path = || plan.source.path.clone();
        self.try_prepare(opened, plan).map_err(|reason| PrepareError { path: path(), reason })
    }

    /// What the module in this file is.
    ///
    /// # Errors
    ///
    /// Where it is no filter.
    pub fn inspect(&self, path: &Path) -> Result<Inspection, PrepareError> {
        let inspect = || -> Result<Inspection, Reason> {
            let bytes = fetch(path, MODULE_MAX)?;
            Ok(Inspection::from(&verify(bytes, None)?))
        };
        inspect().map_err(|reason| PrepareError { path: path.into(), reason })
    }

    /// Forgets the keys of stages that no filter uses any longer.
    pub fn forget_unused(&self) {
        let mut stages = self.stages();
        stages.components.retain(|_, stage| stage.strong_count() > 0);
        stages.images.retain(|_, stage| stage.strong_count() > 0);
        stages.filters.retain(|_, stage| stage.strong_count() > 0);
    }

    fn try_prepare(&self, opened: &Opened, plan: &FilterPlan) -> Result<Prepared, Reason> {
        let component = Arc::clone(&opened.0);
        let settings = digest(plan.settings.as_bytes());
        let (image, reused) = self.image(component, plan, settings)?;
        if let Some(filter) = self.living(plan, &image) {
            return Ok(Prepared { filter, reused: true });
        }
        let linked = link(&self.workshop.serving, &image, &plan.grants, plan.memory)?;
        let warm = match plan.instances {
            Instances::Fresh => 0,
            Instances::Reuse(most) => most,
        };
        self.workshop.serving_ticker.keep(plan.deadline);
        let filter = Arc::new(Filter {
            terms: Arc::new(Terms {
                name: Arc::clone(&plan.name),
                image,
                grants: plan.grants.clone(),
                deadline: plan.deadline,
                memory: plan.memory,
                ticker: Arc::clone(&self.workshop.serving_ticker),
            }),
            engine: self.workshop.serving.clone(),
            linked,
            on_fault: plan.on_fault,
            instances: plan.instances,
            warm: Pool::new(warm, &self.slots),
            made: AtomicU64::new(0),
        });
        try_out(&filter)?;
        self.stages().filters.insert(Arc::clone(&plan.name), Arc::downgrade(&filter));
        Ok(Prepared { filter, reused })
    }

    fn component(&self, bytes: Vec<u8>, expected: Option<Digest>) -> Result<Arc<Component>, Reason> {
        let found = digest(&bytes);
        let known = self.stages().components.get(&found).and_then(Weak::upgrade);
        match known {
            Some(component) if expected.is_none_or(|expected| expected == found) => Ok(component),
            Some(_) | None => {
                let Workshop { serving, cache, .. } = &self.workshop;
                let module = verify(bytes, expected)?;
                let component = Component::new(module, serving, cache, &self.slots)?;
                let component = Arc::new(component);
                self.stages().components.insert(found, Arc::downgrade(&component));
                Ok(component)
            }
        }
    }

    fn image(
        &self,
        component: Arc<Component>,
        plan: &FilterPlan,
        settings: Digest,
    ) -> Result<(Arc<Image>, bool), ConfigureError> {
        let key = (component.module.digest, settings);
        let known = self.stages().images.get(&key).and_then(Weak::upgrade);
        if let Some(image) = known {
            return Ok((image, true));
        }
        let image = Arc::new(self.workshop.image(component, &plan.settings, plan.memory)?);
        self.stages().images.insert(key, Arc::downgrade(&image));
        Ok((image, false))
    }

    /// The running filter of this name, if nothing about it has changed.
    fn living(&self, plan: &FilterPlan, image: &Arc<Image>) -> Option<Arc<Filter>> {
        let filter = self.stages().filters.get(&plan.name).and_then(Weak::upgrade)?;
        let same_geo = match (&filter.terms.grants.geo, &plan.grants.geo) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let same = Arc::ptr_eq(&filter.terms.image, image)
            && same_geo
            && filter.terms.grants.log == plan.grants.log
            && filter.terms.grants.tls == plan.grants.tls
            && filter.terms.grants.clusters == plan.grants.clusters
            && filter.terms.deadline == plan.deadline
            && filter.terms.memory == plan.memory
            && filter.on_fault == plan.on_fault
            && filter.instances == plan.instances;
        same.then_some(filter)
    }

    fn stages(&self) -> MutexGuard<'_, Stages> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one instance and looks up its phases, so that what can not be
/// instantiated, or has other types than the contract, fails before the swap.
fn try_out(filter: &Filter) -> Result<(), LinkError> {
    // `configure` ran in one like it.
    if let Linked::Direct = filter.linked {
        return Ok(());
    }
    // Not its own deadline: the first instance of an image pays for what the later ones find done.
    let trial = || Instance::within(filter, CONFIGURE_DEADLINE)?.try_out(filter);
    trial().map_err(|fault: edgeloom_core::fault::Fault| match fault {
        edgeloom_core::fault::Fault::Outgrew(reason) => {
            LinkError::Memory { limit: filter.terms.memory, reason }
        }
        other => LinkError::Mismatch(other.to_string()),
    })
}
