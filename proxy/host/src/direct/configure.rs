//! `setup.configure` of a core module, and the memory that it leaves.

use std::sync::Arc;

use wasmtime::{Instance, Linker, Memory, Store};

use super::frozen::{Frozen, trimmed};
use super::memory::View;
use super::{CONFIGURE, Direct};
use crate::call::Limits;

/// What a guest said to its settings.
pub(crate) enum Outcome {
    Accepted(Frozen),
    /// In its own words.
    Refused(String),
}

impl Direct {
    /// Runs `configure` on an instance of its own, whose imports trap.
    ///
    /// # Errors
    ///
    /// A trap of the guest.
    pub(crate) fn configure(&self, store: &mut Store<Limits>, settings: &str) -> wasmtime::Result<Outcome> {
        let mut linker = Linker::new(store.engine());
        linker.define_unknown_imports_as_traps(&self.module)?;
        let instance = linker.instantiate(&mut *store, &self.module)?;
        let memory = self.memory(&instance, store)?;
        let base = Arc::clone(self.base.get_or_init(|| trimmed(memory.data(&*store))));
        let at = give(&instance, store, memory, settings)?;
        let configure = instance.get_typed_func::<(i32, i32), i32>(&mut *store, CONFIGURE)?;
        let returned = configure.call(&mut *store, (at, i32::try_from(settings.len())?))?;
        let view = View::new(memory.data(&*store));
        // `result<_, string>`: the case at 0, the text at 4.
        if view.byte(returned)? != 0 {
            return Ok(Outcome::Refused(view.string(returned.wrapping_add(4))?.to_owned()));
        }
        let globals = self.exports.globals.iter().map(|global| {
            let global = instance.get_module_export(&mut *store, global)?.into_global()?;
            Some(global.get(&mut *store))
        });
        let globals = globals.collect::<Option<_>>().ok_or_else(missing)?;
        Ok(Outcome::Accepted(Frozen::new(&base, memory.data(&*store), globals)))
    }

    fn memory(&self, instance: &Instance, store: &mut Store<Limits>) -> wasmtime::Result<Memory> {
        let memory = instance.get_module_export(&mut *store, &self.exports.memory);
        memory.and_then(wasmtime::Extern::into_memory).ok_or_else(missing)
    }
}

fn give(instance: &Instance, store: &mut Store<Limits>, memory: Memory, text: &str) -> wasmtime::Result<i32> {
    let realloc = instance.get_typed_func::<(i32, i32, i32, i32), i32>(&mut *store, "cabi_realloc")?;
    let at = realloc.call(&mut *store, (0, 0, 1, i32::try_from(text.len())?))?;
    memory.write(&mut *store, at.cast_unsigned() as usize, text.as_bytes())?;
    Ok(at)
}

fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("an export is of another kind")
}
