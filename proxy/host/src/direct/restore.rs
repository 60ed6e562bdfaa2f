//! A fresh instance for less than the price of one: the last one, put back as it was.
//!
//! Making a core instance takes some microseconds; writing its memory back from the image takes one.
//! The two are the same only where nothing else of an instance can change, and that is decided here,
//! once, from the module: one memory, no mutable global but one number (the stack pointer of a compiled
//! language), no instruction that changes a table or drops a segment, nothing that runs at the start.
//! After a trap, or where the memory has grown, the instance is dropped all the same.

use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{
    DataKind, ElementKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef, ValType,
};
use wasmtime::{Global, Memory, ModuleExport, Store, Val};

use crate::exchange::CallState;

/// The module with its only mutable global exported, if its instances can be put back.
pub(crate) fn restorable(module: &[u8]) -> Option<Vec<u8>> {
    let mut found = Found::default();
    let mut rewritten = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        found.look(&payload)?;
        if let Payload::ExportSection(exports) = payload {
            let mut section = ExportSection::new();
            for export in exports {
                let export = export.ok()?;
                if export.name == STACK_POINTER {
                    return None;
                }
                section.export(export.name, kind(export.kind)?, export.index);
            }
            // Globals are declared before exports (section 6 and 7 of the binary format).
            section.export(STACK_POINTER, ExportKind::Global, found.stack_pointer?);
            rewritten.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            rewritten.section(&RawSection { id, data: module.get(range)? });
        }
    }
    (found.memories == 1).then(|| rewritten.finish())
}

/// The name under which the mutable global is exported.
const STACK_POINTER: &str = "edgeloom:stack-pointer";

/// What was found of a module so far.
#[derive(Default)]
struct Found {
    memories: u32,
    globals: u32,
    /// The position of the one mutable global.
    stack_pointer: Option<u32>,
}

impl Found {
    /// `None` where something is found that could not be put back.
    fn look(&mut self, payload: &Payload<'_>) -> Option<()> {
        match payload {
            Payload::ImportSection(imports) => {
                let mut imports = imports.clone().into_imports();
                imports
                    .all(|import| import.is_ok_and(|import| matches!(import.ty, TypeRef::Func(_))))
                    .then_some(())
            }
            Payload::MemorySection(memories) => {
                self.memories += memories.count();
                Some(())
            }
            Payload::GlobalSection(globals) => {
                for global in globals.clone() {
                    let ty = global.ok()?.ty;
                    if ty.mutable && (ty.content_type != ValType::I32 || self.stack_pointer.is_some()) {
                        return None;
                    }
                    if ty.mutable {
                        self.stack_pointer = Some(self.globals);
                    }
                    self.globals += 1;
                }
                Some(())
            }
            Payload::StartSection { .. } | Payload::TagSection(_) => None,
            Payload::ElementSection(elements) => {
                let is_passive = |kind: &ElementKind<'_>| matches!(kind, ElementKind::Passive);
                let mut elements = elements.clone().into_iter();
                elements.all(|element| element.is_ok_and(|element| !is_passive(&element.kind))).then_some(())
            }
            Payload::DataSection(data) => {
                let mut data = data.clone().into_iter();
                data.all(|data| data.is_ok_and(|data| matches!(data.kind, DataKind::Active { .. })))
                    .then_some(())
            }
            Payload::CodeSectionEntry(body) => changes_only_memory(body).then_some(()),
            _ => Some(()),
        }
    }
}

fn changes_only_memory(body: &FunctionBody<'_>) -> bool {
    let Ok(operators) = body.get_operators_reader() else { return false };
    operators.into_iter().all(|operator| {
        operator.is_ok_and(|operator| {
            !matches!(
                operator,
                Operator::TableSet { .. }
                    | Operator::TableGrow { .. }
                    | Operator::TableFill { .. }
                    | Operator::TableCopy { .. }
                    | Operator::TableInit { .. }
                    | Operator::ElemDrop { .. }
                    | Operator::MemoryInit { .. }
                    | Operator::DataDrop { .. }
            )
        })
    })
}

fn kind(kind: ExternalKind) -> Option<ExportKind> {
    match kind {
        ExternalKind::Func => Some(ExportKind::Func),
        ExternalKind::Table => Some(ExportKind::Table),
        ExternalKind::Memory => Some(ExportKind::Memory),
        ExternalKind::Global => Some(ExportKind::Global),
        _ => None,
    }
}

/// How an instance was before its first call.
pub(crate) struct Before {
    memory: Box<[u8]>,
    stack_pointer: i32,
}

/// The largest memory that is written back: above, a new instance is cheaper.
const MEMORY_MAX: usize = 256 * 1024;

/// Where the mutable global of a restorable module is.
pub(super) fn stack_pointer(module: &wasmtime::Module) -> Option<ModuleExport> {
    module.get_export_index(STACK_POINTER)
}

impl Before {
    /// Of an instance that has not been called; `None` where its memory is too large to be worth it.
    pub(super) fn of(store: &mut Store<CallState>, memory: Memory, stack_pointer: Global) -> Option<Self> {
        let Val::I32(stack_pointer) = stack_pointer.get(&mut *store) else { return None };
        let memory = memory.data(&*store);
        (memory.len() <= MEMORY_MAX).then(|| Self { memory: memory.into(), stack_pointer })
    }

    /// Puts the instance back; `false` where it can not be.
    pub(super) fn restore(
        &self,
        store: &mut Store<CallState>,
        memory: Memory,
        stack_pointer: Global,
    ) -> bool {
        let now = memory.data_mut(&mut *store);
        if now.len() != self.memory.len() {
            return false;
        }
        now.copy_from_slice(&self.memory);
        stack_pointer.set(&mut *store, Val::I32(self.stack_pointer)).is_ok()
    }
}

#[cfg(test)]
mod tests;
