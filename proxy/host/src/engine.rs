//! The one place that configures Wasmtime.

use edgeloom_core::limits::MEMORY_MAX;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// Wasmtime refused its configuration, or the machine what that needs.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
    #[error("the clock of deadlines could not be started")]
    Ticker(#[source] std::io::Error),
}

/// The engine that runs filters: instances come from a pool, and their memory
/// starts as a copy-on-write view of the image.
pub(crate) fn serving(instances_max: u32) -> Result<Engine, EngineError> {
    let mut config = sandbox();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances_max)));
    config.memory_init_cow(true);
    config.cranelift_opt_level(OptLevel::Speed);
    build(&config)
}

/// The engine that runs `configure` once: what it compiles is thrown away, so
/// it compiles quickly.
pub(crate) fn configuring() -> Result<Engine, EngineError> {
    let mut config = sandbox();
    config.cranelift_opt_level(OptLevel::None);
    build(&config)
}

fn build(config: &Config) -> Result<Engine, EngineError> {
    Engine::new(config).map_err(|error| EngineError::Engine(format!("{error:#}")))
}

/// What both have in common: no features that a filter has no use for, and a
/// way to stop it.
fn sandbox() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    // A guest brings its own stack in linear memory; this one holds its calls.
    config.max_wasm_stack(256 * 1024);
    config
}

/// One component instance is at most its module and the two that the
/// component format puts around it (shim and fixups), one memory, few tables.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .max_core_instances_per_component(8)
        .total_memories(instances.saturating_mul(2))
        // A guest's own, and its marks where it is driven directly.
        .max_memories_per_module(2)
        .max_memories_per_component(1)
        .total_tables(instances.saturating_mul(3))
        .max_tables_per_component(4)
        .table_elements(4096)
        .max_memory_size(usize::try_from(MEMORY_MAX.0).unwrap_or(usize::MAX))
        // Touched pages are written back by hand instead of being given to
        // the kernel and faulted in again: cheaper up to about this size.
        .linear_memory_keep_resident(512 * 1024)
        .table_keep_resident(16 * 1024)
        // Where the kernel can tell which pages were touched (6.7 and later).
        .pagemap_scan(Enabled::Auto);
    pool
}
