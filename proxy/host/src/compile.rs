//! Module → Component: ready to be configured, once for each settings text.

use std::sync::{Arc, OnceLock};

use edgeloom_core::limits::REUSE_MAX;
use wasmtime::Engine;
use wasmtime::component::Component as Compiled;
use wasmtime_wizer::Wizer;

use crate::cache::Cache;
use crate::direct::{Direct, drivable};
use crate::pool::{Pool, Slots};
use crate::verify::Module;

/// A module, and its compiled form.
pub(crate) struct Component {
    pub(crate) module: Module,
    pub(crate) code: Code,
}

/// What is compiled of a module.
pub(crate) enum Code {
    /// All of it: its images are but memory. See [`crate::direct`].
    Direct(Box<Direct>),
    /// What `configure` runs: instrumented so that its memory can be read out; only made when some
    /// settings text has no image yet. Each image is compiled for itself.
    Whole(OnceLock<Compiled>),
}

/// Why a module that is valid WebAssembly could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("it can not be prepared for configuring: {0}")]
    Instrument(String),
    #[error("it can not be compiled: {0}")]
    Compile(String),
    #[error("it does not fit the contract: {0}")]
    Mismatch(String),
}

/// The form of a module that is driven directly, in the keys of the cache.
const DIRECT: &[u8] = b"tracked core 2";

impl Component {
    /// Compiles the module, or finds it in the cache.
    pub(crate) fn new(
        module: Module,
        engine: &Engine,
        cache: &Cache,
        slots: &Arc<Slots>,
    ) -> Result<Self, CompileError> {
        let Some(compiled) = directly(&module, engine, cache)? else {
            return Ok(Self { module, code: Code::Whole(OnceLock::new()) });
        };
        let direct = Direct::new(engine, compiled, &module.wants, Pool::new(REUSE_MAX, slots))
            .map_err(|error| CompileError::Mismatch(format!("{error:#}")))?;
        Ok(Self { module, code: Code::Direct(Box::new(direct)) })
    }
}

/// The code of a module that can be driven directly.
fn directly(
    module: &Module,
    engine: &Engine,
    cache: &Cache,
) -> Result<Option<wasmtime::Module>, CompileError> {
    if !module.raw {
        return Ok(None);
    }
    let key: [&[u8]; 2] = [DIRECT, &module.digest.0];
    if let Some(compiled) = cache.load(engine, &key) {
        return Ok(Some(compiled));
    }
    let Some(core) = drivable(&module.component) else { return Ok(None) };
    let compiled = compile_core(engine, &core)?;
    cache.store(engine, &key, &compiled);
    Ok(Some(compiled))
}

/// The component as `configure` runs it.
pub(crate) fn instrumented<'c>(
    module: &Module,
    known: &'c OnceLock<Compiled>,
    engine: &Engine,
    cache: &Cache,
) -> Result<&'c Compiled, CompileError> {
    if let Some(compiled) = known.get() {
        return Ok(compiled);
    }
    let key: [&[u8]; 2] = [b"instrumented", &module.digest.0];
    let compiled = match cache.load(engine, &key) {
        Some(compiled) => compiled,
        None => {
            let (_, bytes) = Wizer::new()
                .instrument_component(&module.component)
                .map_err(|error| CompileError::Instrument(format!("{error:#}")))?;
            let compiled = compile(engine, &bytes)?;
            cache.store(engine, &key, &compiled);
            compiled
        }
    };
    Ok(known.get_or_init(|| compiled))
}

pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, CompileError> {
    Compiled::new(engine, bytes).map_err(|error| CompileError::Compile(format!("{error:#}")))
}

fn compile_core(engine: &Engine, bytes: &[u8]) -> Result<wasmtime::Module, CompileError> {
    wasmtime::Module::new(engine, bytes).map_err(|error| CompileError::Compile(format!("{error:#}")))
}
