//! The fast way into a guest: its core module, driven without the component around it.
//!
//! A component made by `wit-component` is three core instances, and every value that
//! passes its border is lifted and lowered by generic code. For the one contract we have,
//! the same canonical ABI can be followed by hand: one core instance a call, header names
//! and values read where they lie in the guest's memory.
//!
//! Taken only where *we* made the component, of a core module whose imports and exports
//! are exactly those below: then it is known how the component is wired; and only where it
//! is known what a call can change of an instance ([`tracked`]): then an instance that was
//! called can be put back, and one compiled module serves every settings text, because an
//! image is only the memory that `configure` left ([`frozen`]). Every other component goes
//! the general way, with the same results (`tests/it/ways.rs`).
//!
//! The layouts are those of the Component Model's canonical ABI:
//! <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>.

mod configure;
mod frozen;
mod geo;
mod heap;
mod http;
mod log;
mod memory;
mod module;
mod reply;
mod restore;
mod tls;
mod tracked;
mod verdict;

pub(crate) use configure::Outcome;
pub(crate) use frozen::Frozen;
pub(crate) use memory::Guest;
pub(crate) use module::drivable;
pub(crate) use reply::Reply;
pub(crate) use restore::Touched;

use std::sync::{Arc, OnceLock};

use edgeloom_core::fault::Fault;
use edgeloom_core::verdict::Verdict;
use wasmtime::{
    Engine, Extern, Func, InstancePre, Linker, Module, ModuleExport, Store, TypedFunc, WasmParams,
};

use crate::call::fault;
use crate::exchange::CallState;
use crate::grants::Want;
use crate::pool::Pool;
use restore::Changing;

const CONFIGURE: &str = "edgeloom:filter/setup@0.1.0#configure";
const ON_REQUEST: &str = "edgeloom:filter/request-phase@0.1.0#on-request";
const ON_RESPONSE: &str = "edgeloom:filter/response-phase@0.1.0#on-response";

/// A core module with every import answered, and where its exports are.
pub(crate) struct Direct {
    module: Module,
    pre: InstancePre<CallState>,
    exports: Exports,
    /// The memory that `configure` starts from, in all images the same.
    base: OnceLock<Arc<[u8]>>,
    /// Instances that were put back, for any filter of this component.
    pub(crate) pool: Pool,
}

struct Exports {
    memory: ModuleExport,
    realloc: ModuleExport,
    heap: Option<ModuleExport>,
    marks: ModuleExport,
    globals: Vec<ModuleExport>,
    request: Option<Phase>,
    response: Option<Phase>,
}

#[derive(Clone, Copy)]
struct Phase {
    call: ModuleExport,
    /// Frees what the call returned.
    post: Option<ModuleExport>,
}

/// A live core instance.
pub(crate) struct DirectInstance {
    changing: Changing,
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
    /// Answers the imports of a module that `drivable` made. Only the interfaces that it wants are
    /// there: a filter without the grants for them is not linked.
    pub(crate) fn new(engine: &Engine, module: Module, wants: &[Want], pool: Pool) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        http::add_to_linker(&mut linker)?;
        for want in wants {
            match want {
                Want::Geo => geo::add_to_linker(&mut linker)?,
                Want::Log => log::add_to_linker(&mut linker)?,
                Want::Tls => tls::add_to_linker(&mut linker)?,
            }
        }
        let exports = Exports::of(&module)?;
        Ok(Self { pre: linker.instantiate_pre(&module)?, exports, module, base: OnceLock::new(), pool })
    }

    /// A new instance of this image, or none where its memory may not be as large.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<CallState>,
        image: &Frozen,
    ) -> wasmtime::Result<Option<DirectInstance>> {
        let instance = self.pre.instantiate(&mut *store)?;
        let mut exported = Exported { instance, store };
        let changing = exported.changing(&self.exports)?;
        let made = DirectInstance {
            request: exported.callable(self.exports.request)?,
            response: exported.callable(self.exports.response)?,
            changing,
        };
        let guest = exported.guest(&self.exports)?;
        if !made.changing.begin(store, image) {
            return Ok(None);
        }
        store.data_mut().guest = Some(guest);
        Ok(Some(made))
    }
}

impl Exports {
    fn of(module: &Module) -> wasmtime::Result<Self> {
        let export = |name: &str| module.get_export_index(name);
        let needed = |name: &str| export(name).ok_or_else(|| wasmtime::Error::msg(format!("no `{name}`")));
        let phase = |name: &str| {
            let post = export(&format!("cabi_post_{name}"));
            export(name).map(|call| Phase { call, post })
        };
        let globals = (0..).map_while(|position| export(&tracked::global_name(position)?));
        Ok(Self {
            memory: needed("memory")?,
            realloc: needed("cabi_realloc")?,
            heap: export(heap::EXPORT),
            marks: needed(tracked::MARKS_EXPORT)?,
            globals: globals.collect(),
            request: phase(ON_REQUEST),
            response: phase(ON_RESPONSE),
        })
    }
}

/// An instance whose exports are looked up.
struct Exported<'s> {
    instance: wasmtime::Instance,
    store: &'s mut Store<CallState>,
}

impl Exported<'_> {
    fn get<T>(&mut self, export: ModuleExport, of_kind: fn(Extern) -> Option<T>) -> wasmtime::Result<T> {
        let found = self.instance.get_module_export(&mut *self.store, &export);
        found.and_then(of_kind).ok_or_else(|| wasmtime::Error::msg("an export is of another kind"))
    }

    fn function(&mut self, export: ModuleExport) -> wasmtime::Result<Func> {
        self.get(export, Extern::into_func)
    }

    fn changing(&mut self, exports: &Exports) -> wasmtime::Result<Changing> {
        let globals = exports.globals.iter().map(|global| self.get(*global, Extern::into_global));
        let globals = globals.collect::<wasmtime::Result<_>>()?;
        let memory = self.get(exports.memory, Extern::into_memory)?;
        let marks = self.get(exports.marks, Extern::into_memory)?;
        Ok(Changing { memory, marks, globals })
    }

    fn guest(&mut self, exports: &Exports) -> wasmtime::Result<Guest> {
        let heap = exports.heap.map(|heap| self.get(heap, Extern::into_global)).transpose()?;
        let heap = heap.and_then(|heap| heap.get(&mut *self.store).i32()).map(i32::cast_unsigned);
        let realloc = self.function(exports.realloc)?.typed(&*self.store)?;
        Ok(Guest::new(self.get(exports.memory, Extern::into_memory)?, heap, realloc))
    }

    fn callable<Arguments: WasmParams>(
        &mut self,
        phase: Option<Phase>,
    ) -> wasmtime::Result<Option<Callable<Arguments>>> {
        let Some(Phase { call, post }) = phase else { return Ok(None) };
        let call = self.function(call)?.typed(&*self.store)?;
        let post = post.map(|post| self.function(post)?.typed(&*self.store)).transpose()?;
        Ok(Some(Callable { call, post }))
    }
}

impl DirectInstance {
    /// Puts the instance back as it was before its last call; `false` where it can not be.
    pub(crate) fn restore(&self, store: &mut Store<CallState>, image: &Frozen) -> bool {
        self.changing.restore(store, image)
    }

    /// Makes the instance, which was put back, into one of another image; `false` where it can not be.
    pub(crate) fn become_another(
        &self,
        store: &mut Store<CallState>,
        before: &Frozen,
        image: &Frozen,
    ) -> bool {
        self.changing.become_another(store, before, image)
    }

    /// Calls the request phase; `None` where there is none.
    pub(crate) fn on_request(
        &self,
        store: &mut Store<CallState>,
        lives_on: bool,
    ) -> Result<Option<Verdict>, Fault> {
        let Some(phase) = &self.request else { return Ok(None) };
        let returned = phase.call.call(&mut *store, LENT).map_err(|error| fault(&error, store))?;
        let verdict = verdict::request(memory::of(store), returned);
        phase.free(store, returned, lives_on && !is_bare(store, &verdict))?;
        verdict.map(Some)
    }

    /// Calls the response phase; `None` where there is none.
    pub(crate) fn on_response(
        &self,
        store: &mut Store<CallState>,
        memo: &[u8],
        lives_on: bool,
    ) -> Result<Option<()>, Fault> {
        let Some(phase) = &self.response else { return Ok(None) };
        let (at, length) = memory::give(&mut *store, memo, 1).map_err(|error| fault(&error, store))?;
        let arguments = (LENT, at, length);
        let returned = phase.call.call(&mut *store, arguments).map_err(|error| fault(&error, store))?;
        let done = verdict::response(memory::of(store), returned);
        phase.free(store, returned, lives_on && !(done.is_ok() && memory::has_books(store)))?;
        done.map(Some)
    }
}

/// Whether nothing has to be freed of a result: where a guest tells of its allocator's books, by the same
/// promise its results own nothing but what they point at.
fn is_bare(store: &Store<CallState>, verdict: &Result<Verdict, Fault>) -> bool {
    let points_at_nothing = match verdict {
        Ok(Verdict::Proceed(memo)) => memo.is_empty(),
        Ok(Verdict::Done) => true,
        Ok(Verdict::Answer(_)) | Err(_) => false,
    };
    points_at_nothing && memory::has_books(store)
}

impl<Arguments> Callable<Arguments> {
    /// Lets the guest free what it returned; an instance that is put back need not.
    fn free(&self, store: &mut Store<CallState>, returned: i32, lives_on: bool) -> Result<(), Fault> {
        match &self.post {
            Some(post) if lives_on => post.call(&mut *store, returned).map_err(|error| fault(&error, store)),
            Some(_) | None => Ok(()),
        }
    }
}
