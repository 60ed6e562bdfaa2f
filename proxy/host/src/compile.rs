//! Module → Component: ready to be configured, once for each settings text.

use std::sync::OnceLock;

use wasmtime::Engine;
use wasmtime::component::Component as Compiled;
use wasmtime_wizer::Wizer;

use crate::cache::Cache;
use crate::verify::Module;

/// A module, and its compiled form that `configure` runs.
pub(crate) struct Component {
    pub(crate) module: Module,
    /// Instrumented so that its memory can be read out, and compiled; only
    /// made when some settings text has no image yet.
    instrumented: OnceLock<Compiled>,
}

/// Why a module that is valid WebAssembly could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("it can not be prepared for configuring: {0}")]
    Instrument(String),
    #[error("it can not be compiled: {0}")]
    Compile(String),
}

impl Component {
    pub(crate) fn new(module: Module) -> Self {
        Self { module, instrumented: OnceLock::new() }
    }

    pub(crate) fn instrumented(&self, engine: &Engine, cache: &Cache) -> Result<&Compiled, CompileError> {
        if let Some(compiled) = self.instrumented.get() {
            return Ok(compiled);
        }
        let key: [&[u8]; 2] = [b"instrumented", &self.module.digest.0];
        let compiled = match cache.load(engine, &key) {
            Some(compiled) => compiled,
            None => {
                let (_, bytes) = Wizer::new()
                    .instrument_component(&self.module.component)
                    .map_err(|error| CompileError::Instrument(format!("{error:#}")))?;
                let compiled = compile(engine, &bytes)?;
                cache.store(engine, &key, &compiled);
                compiled
            }
        };
        Ok(self.instrumented.get_or_init(|| compiled))
    }
}

pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Compiled, CompileError> {
    Compiled::new(engine, bytes).map_err(|error| CompileError::Compile(format!("{error:#}")))
}

pub(crate) fn compile_core(engine: &Engine, bytes: &[u8]) -> Result<wasmtime::Module, CompileError> {
    wasmtime::Module::new(engine, bytes).map_err(|error| CompileError::Compile(format!("{error:#}")))
}
