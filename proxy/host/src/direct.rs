//! The fast way into a guest: its core module, driven without the component around it.
//!
//! A component made by `wit-component` is three core instances, and every value that
//! passes its border is lifted and lowered by generic code. For the one contract we have,
//! the same canonical ABI can be followed by hand: one core instance a call, header names
//! and values read where they lie in the guest's memory. Half the price, fresh or warm
//! (`benches/call.rs`).
//!
//! Taken only where *we* made the component, of a core module whose imports and exports
//! are exactly those below: then it is known how the component is wired. Every other
//! component goes the general way, with the same results (`tests/it/ways.rs`).
//!
//! The layouts are those of the Component Model's canonical ABI:
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>.

mod geo;
mod http;
mod log;
mod memory;
mod module;
mod restore;
mod verdict;

pub(crate) use memory::Guest;
pub(crate) use module::core_of;
pub(crate) use restore::restorable;

use std::sync::OnceLock;

use edgeloom_core::fault::Fault;
use edgeloom_core::verdict::Verdict;
use wasmtime::{Global, InstancePre, Linker, Memory, Module, ModuleExport, Store, TypedFunc, WasmParams};

use crate::call::fault;
use crate::exchange::CallState;
use crate::grants::Grants;
use restore::Before;

const ON_REQUEST: &str = "edgeloom:filter/request-phase@0.1.0#on-request";
const ON_RESPONSE: &str = "edgeloom:filter/response-phase@0.1.0#on-response";

/// A core module with every import answered, and where its exports are.
pub(crate) struct Direct {
    pre: InstancePre<CallState>,
    memory: ModuleExport,
    realloc: ModuleExport,
    request: Option<Phase>,
    response: Option<Phase>,
    /// Where instances can be put back as they were: see [`restore`].
    stack_pointer: Option<ModuleExport>,
    before: OnceLock<Option<Before>>,
}

#[derive(Clone, Copy)]
struct Phase {
    call: ModuleExport,
    /// Frees what the call returned.
    post: Option<ModuleExport>,
}

/// A live core instance. Phases are looked up when they are first called.
pub(crate) struct DirectInstance {
    inner: wasmtime::Instance,
    /// All that a call can change of it, where that is all.
    changes: Option<(Memory, Global)>,
    request: Option<Callable<i32>>,
    response: Option<Callable<(i32, i32, i32)>>,
}

/// A phase of an instance, and what frees its results.
struct Callable<Arguments> {
    call: TypedFunc<Arguments, i32>,
    post: Option<TypedFunc<i32, ()>>,
}

/// The handle that a guest is lent: there is one subject, so there is one handle.
const LENT: i32 = 1;

impl Direct {
    /// Only what was granted is there to be imported.
    pub(crate) fn link(module: &Module, restorable: bool, grants: &Grants) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(module.engine());
        http::add_to_linker(&mut linker)?;
        if grants.geo.is_some() {
            geo::add_to_linker(&mut linker)?;
        }
        if grants.log {
            log::add_to_linker(&mut linker)?;
        }
        let export = |name: &str| module.get_export_index(name);
        let needed = |name: &str| export(name).ok_or_else(|| wasmtime::Error::msg(format!("no `{name}`")));
        let phase = |name: &str| {
            let post = export(&format!("cabi_post_{name}"));
            export(name).map(|call| Phase { call, post })
        };
        Ok(Self {
            memory: needed("memory")?,
            realloc: needed("cabi_realloc")?,
            request: phase(ON_REQUEST),
            response: phase(ON_RESPONSE),
            pre: linker.instantiate_pre(module)?,
            stack_pointer: restorable.then(|| restore::stack_pointer(module)).flatten(),
            before: OnceLock::new(),
        })
    }

    pub(crate) fn instantiate(&self, store: &mut Store<CallState>) -> wasmtime::Result<DirectInstance> {
        let inner = self.pre.instantiate(&mut *store)?;
        let absent = || wasmtime::Error::msg("an export is of another kind");
        let memory =
            inner.get_module_export(&mut *store, &self.memory).and_then(wasmtime::Extern::into_memory);
        let realloc = function(&inner, store, self.realloc)?.typed(&*store)?;
        let memory = memory.ok_or_else(absent)?;
        store.data_mut().guest = Some(Guest::new(memory, realloc));
        let export = |export| inner.get_module_export(&mut *store, export);
        let stack_pointer =
            self.stack_pointer.as_ref().and_then(export).and_then(wasmtime::Extern::into_global);
        let changes = stack_pointer.map(|stack_pointer| (memory, stack_pointer));
        if let Some((memory, stack_pointer)) = changes {
            self.before.get_or_init(|| Before::of(store, memory, stack_pointer));
        }
        Ok(DirectInstance { inner, changes, request: None, response: None })
    }
}

fn function(
    instance: &wasmtime::Instance,
    store: &mut Store<CallState>,
    export: ModuleExport,
) -> wasmtime::Result<wasmtime::Func> {
    instance
        .get_module_export(&mut *store, &export)
        .and_then(wasmtime::Extern::into_func)
        .ok_or_else(|| wasmtime::Error::msg("an export is not a function"))
}

impl DirectInstance {
    /// Looks the phases up, so that one of another type than the contract's fails before any call.
    pub(crate) fn try_out(&mut self, direct: &Direct, store: &mut Store<CallState>) -> wasmtime::Result<()> {
        callable(&mut self.request, &self.inner, direct.request, store)?;
        callable(&mut self.response, &self.inner, direct.response, store).map(|_| ())
    }

    /// Puts the instance back as it was before its first call; `false` where it can not be.
    pub(crate) fn restore(&self, direct: &Direct, store: &mut Store<CallState>) -> bool {
        match (self.changes, direct.before.get()) {
            (Some((memory, stack_pointer)), Some(Some(before))) => {
                before.restore(store, memory, stack_pointer)
            }
            (Some(_) | None, Some(_) | None) => false,
        }
    }

    /// Calls the request phase; `None` where there is none.
    pub(crate) fn on_request(
        &mut self,
        direct: &Direct,
        store: &mut Store<CallState>,
        lives_on: bool,
    ) -> Result<Option<Verdict>, Fault> {
        let phase = callable(&mut self.request, &self.inner, direct.request, store);
        let Some(phase) = phase.map_err(|error| fault(&error, store))? else { return Ok(None) };
        let returned = phase.call.call(&mut *store, LENT).map_err(|error| fault(&error, store))?;
        let verdict = verdict::request(memory::of(store), returned);
        phase.free(store, returned, lives_on)?;
        verdict.map(Some)
    }

    /// Calls the response phase; `None` where there is none.
    pub(crate) fn on_response(
        &mut self,
        direct: &Direct,
        store: &mut Store<CallState>,
        memo: &[u8],
        lives_on: bool,
    ) -> Result<Option<()>, Fault> {
        let phase = callable(&mut self.response, &self.inner, direct.response, store);
        let Some(phase) = phase.map_err(|error| fault(&error, store))? else { return Ok(None) };
        let (at, length) = memory::give(&mut *store, memo).map_err(|error| fault(&error, store))?;
        let arguments = (LENT, at, length);
        let returned = phase.call.call(&mut *store, arguments).map_err(|error| fault(&error, store))?;
        let done = verdict::response(memory::of(store), returned);
        phase.free(store, returned, lives_on)?;
        done.map(Some)
    }
}

/// The phase, looked up if it was not yet; `None` where the guest has none.
fn callable<'i, Arguments: WasmParams>(
    known: &'i mut Option<Callable<Arguments>>,
    instance: &wasmtime::Instance,
    phase: Option<Phase>,
    store: &mut Store<CallState>,
) -> wasmtime::Result<Option<&'i Callable<Arguments>>> {
    if let (None, Some(phase)) = (&known, phase) {
        let call = function(instance, store, phase.call)?.typed(&*store)?;
        let post = phase.post.map(|post| function(instance, store, post)?.typed(&*store)).transpose()?;
        *known = Some(Callable { call, post });
    }
    Ok(known.as_ref())
}

impl<Arguments> Callable<Arguments> {
    /// Lets the guest free what it returned; an instance that ends with the call need not.
    fn free(&self, store: &mut Store<CallState>, returned: i32, lives_on: bool) -> Result<(), Fault> {
        match &self.post {
            Some(post) if lives_on => post.call(&mut *store, returned).map_err(|error| fault(&error, store)),
            Some(_) | None => Ok(()),
        }
    }
}
