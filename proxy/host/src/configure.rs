//! Component + settings → Image: `setup` is run once and its memory frozen.
//!
//! A settings text of 200 lines takes a guest some 60 µs to parse; on a fresh
//! instance for every call that would be most of the call.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use edgeloom_core::limits::{CONFIGURE_DEADLINE, GUEST_TEXT_MAX, MEMORY_MAX};
use edgeloom_core::units::Bytes;
use wasmtime::component::{Component as Compiled, Instance, Lift, Linker, WasmList};
use wasmtime::{Engine, Store, Trap};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::cache::Cache;
use crate::call::{Limits, cut};
use crate::compile::{Code, CompileError, Component, compile, instrumented};
use crate::direct::{Direct, Frozen, Outcome};
use crate::ticker::{Ticker, ticks};
use crate::verify::Module;

/// A component configured once, its memory frozen: one module and one settings text.
pub(crate) struct Image {
    pub(crate) component: Arc<Component>,
    pub(crate) state: State,
}

/// The configured guest.
pub(crate) enum State {
    /// The memory that the component's code starts from.
    Frozen(Frozen),
    /// Code that starts from that memory.
    Compiled(Compiled),
}

/// Why a module did not accept its settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    #[error("it refuses its settings: {0}")]
    Refused(String),
    #[error("its `configure` trapped: {0}")]
    Trapped(String),
    #[error("its `configure` was still running after {}s", CONFIGURE_DEADLINE.as_secs())]
    Overran,
    #[error("its `configure` needs more than the {0} of memory allowed; raise `memory:` if that is right")]
    Outgrew(Bytes),
    #[error(
        "its `configure` calls `{0}`, and there is no exchange to ask about yet; only phases may call the host"
    )]
    CalledImport(String),
    #[error("its memory could not be frozen: {0}")]
    Snapshot(String),
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The engines and the cache that images are made with.
pub(crate) struct Workshop {
    pub(crate) serving: Engine,
    pub(crate) configuring: Engine,
    /// The clocks of the two.
    pub(crate) serving_ticker: Arc<Ticker>,
    pub(crate) configuring_ticker: Arc<Ticker>,
    pub(crate) cache: Cache,
}

impl Workshop {
    /// Configures a component; of one that is compiled for each image, the cache may know the image.
    pub(crate) fn image(
        &self,
        component: Arc<Component>,
        settings: &str,
        memory: Bytes,
    ) -> Result<Image, ConfigureError> {
        let state = match &component.code {
            Code::Direct(direct) => State::Frozen(self.freeze(direct, settings, memory)?),
            Code::Whole(known) => {
                State::Compiled(self.compiled(&component.module, known, settings, memory)?)
            }
        };
        Ok(Image { component, state })
    }

    fn freeze(&self, direct: &Direct, settings: &str, memory: Bytes) -> Result<Frozen, ConfigureError> {
        let mut store = begin(&self.serving, &self.serving_ticker, memory);
        match direct.configure(&mut store, settings) {
            Ok(Outcome::Accepted(frozen)) => Ok(frozen),
            Ok(Outcome::Refused(reason)) => Err(ConfigureError::Refused(cut(&reason, GUEST_TEXT_MAX))),
            Err(error) => Err(blame(&error, &store, memory)),
        }
    }

    fn compiled(
        &self,
        module: &Module,
        known: &OnceLock<Compiled>,
        settings: &str,
        memory: Bytes,
    ) -> Result<Compiled, ConfigureError> {
        let key: [&[u8]; 3] = [b"component", &module.digest.0, settings.as_bytes()];
        if let Some(compiled) = self.cache.load(&self.serving, &key) {
            return Ok(compiled);
        }
        let instrumented = instrumented(module, known, &self.configuring, &self.cache)?;
        let frozen = self.configure(module, instrumented, settings, memory)?;
        let compiled = compile(&self.serving, &frozen)?;
        self.cache.store(&self.serving, &key, &compiled);
        Ok(compiled)
    }

    /// Runs `setup.configure` and returns the component with the memory it left.
    fn configure(
        &self,
        module: &Module,
        instrumented: &Compiled,
        settings: &str,
        memory: Bytes,
    ) -> Result<Vec<u8>, ConfigureError> {
        let mut store = begin(&self.configuring, &self.configuring_ticker, memory);
        let instance = start(&mut store, instrumented).map_err(|error| blame(&error, &store, memory))?;
        let refused = call(&mut store, &instance, settings).map_err(|error| blame(&error, &store, memory))?;
        refused.map_err(|reason| ConfigureError::Refused(cut(&reason, GUEST_TEXT_MAX)))?;

        // Reading its memory out may need memory itself.
        *store.data_mut() = Limits::new(MEMORY_MAX);
        let freeze = AssertUnwindSafe(|| freeze(module, &mut store, instance));
        // Wizer asserts what it expects of compilers; a module may come from anywhere.
        let frozen = catch_unwind(freeze)
            .map_err(|_panic| ConfigureError::Snapshot("it is built in an unknown way".into()))?;
        frozen.map_err(|error| ConfigureError::Snapshot(format!("{error:#}")))
    }
}

/// A store to configure in; the clock is running.
fn begin(engine: &Engine, ticker: &Ticker, memory: Bytes) -> Store<Limits> {
    ticker.wind();
    let mut store = Store::new(engine, Limits::new(memory));
    store.limiter(|limits| limits);
    store.set_epoch_deadline(ticks(CONFIGURE_DEADLINE));
    store
}

fn start(store: &mut Store<Limits>, component: &Compiled) -> wasmtime::Result<Instance> {
    let mut linker = Linker::new(store.engine());
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate(store, component)
}

/// The outer error is a trap, the inner one what the guest returned.
fn call(
    store: &mut Store<Limits>,
    instance: &Instance,
    settings: &str,
) -> wasmtime::Result<Result<(), String>> {
    let missing = || wasmtime::Error::msg("setup.configure is not exported");
    let (_, setup) =
        instance.get_export(&mut *store, None, "edgeloom:filter/setup@0.1.0").ok_or_else(missing)?;
    let (_, configure) = instance.get_export(&mut *store, Some(&setup), "configure").ok_or_else(missing)?;
    let configure = instance.get_typed_func::<(&str,), (Result<(), String>,)>(&mut *store, configure)?;
    let (answer,) = configure.call(store, (settings,))?;
    Ok(answer)
}

fn blame(error: &wasmtime::Error, store: &Store<Limits>, memory: Bytes) -> ConfigureError {
    let reason = error.root_cause().to_string();
    // The words of `define_unknown_imports_as_traps`, of components and of core modules.
    let import = reason.strip_prefix("unknown import: `").and_then(|rest| rest.split('`').next());
    if let Some(import) = import {
        return ConfigureError::CalledImport(import.to_owned());
    }
    if store.data().outgrew() {
        return ConfigureError::Outgrew(memory);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => ConfigureError::Overran,
        Some(_) | None => ConfigureError::Trapped(cut(&reason, GUEST_TEXT_MAX)),
    }
}

/// The component, with the memory and globals of its instance as they are now.
fn freeze(module: &Module, store: &mut Store<Limits>, instance: Instance) -> wasmtime::Result<Vec<u8>> {
    let wizer = Wizer::new();
    let (context, _) = wizer.instrument_component(&module.component)?;
    let mut state = ReadOut { store, instance, error: None };
    let frozen = now(wizer.snapshot_component(&context, &mut state))?;
    state.error.map_or(Ok(frozen), Err)
}

/// Wizer reads the instance's memory and globals through functions that it
/// added to the component itself.
struct ReadOut<'a> {
    store: &'a mut Store<Limits>,
    instance: Instance,
    /// Wizer's trait has no way to fail; this is looked at afterwards.
    error: Option<wasmtime::Error>,
}

impl ReadOut<'_> {
    fn read<R: Lift + 'static, T: Default>(
        &mut self,
        interface: &str,
        name: &str,
        keep: impl FnOnce(R) -> T,
    ) -> T {
        match self.try_read::<R>(interface, name) {
            Ok(found) => keep(found),
            Err(error) => {
                self.error.get_or_insert(error);
                T::default()
            }
        }
    }

    fn try_read<R: Lift + 'static>(&mut self, interface: &str, name: &str) -> wasmtime::Result<R> {
        let missing = || wasmtime::Error::msg(format!("{interface} {name} is not there"));
        let (_, found) = self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, found) =
            self.instance.get_export(&mut *self.store, Some(&found), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, found)?;
        Ok(function.call(&mut *self.store, ())?.0)
    }
}

impl ComponentInstanceState for ReadOut<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        interface: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        // Called in any case: Wizer counts on it.
        match self.try_read::<WasmList<u8>>(interface, name) {
            Ok(list) => contents(list.as_le_slice(&*self.store)),
            Err(error) => {
                self.error.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, name: &str) -> i32 {
        self.read(interface, name, |value: i32| value)
    }

    async fn call_func_ret_s64(&mut self, interface: &str, name: &str) -> i64 {
        self.read(interface, name, |value: i64| value)
    }

    async fn call_func_ret_f32(&mut self, interface: &str, name: &str) -> u32 {
        self.read(interface, name, |value: f32| value.to_bits())
    }

    async fn call_func_ret_f64(&mut self, interface: &str, name: &str) -> u64 {
        self.read(interface, name, |value: f64| value.to_bits())
    }
}

/// The value of a future that never waits: Wizer's trait is asynchronous for
/// engines that are; this one is not.
fn now<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => Err(wasmtime::Error::msg("a synchronous instance waited")),
    }
}
