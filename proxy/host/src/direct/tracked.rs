//! A module whose stores leave marks, so that an instance can be put back as it was.
//!
//! Making an instance takes some microseconds; writing back what the last call changed of one takes a
//! fraction of one. The two are the same only where it is known what a call can change. So a guest's
//! module is rewritten, once, before it is compiled:
//!
//! - Every store marks where it wrote, in a second memory that no instruction of the guest can name.
//! - Every mutable global is exported, to be read and set.
//! - What changes anything else is not accepted: instructions that write a table or drop a segment,
//!   imported state, a start function, and whatever WebAssembly 2.0 does not have.
//!
//! And one thing that has nothing to do with it: a handle that is given back is nothing to us, so the call
//! that does it, in every call of a guest, is left out.
//!
//! A mark at granule `k` stands for granules `k` and `k + 1`. A store may therefore be marked by its
//! base address alone where its offset is smaller than a granule, and one mark of a base serves all
//! such stores until the base changes: for a stack frame, one mark a function.

mod body; // of each function, rewritten
mod plan; // which of its stores are marked, and how

use std::collections::BTreeSet;

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module,
    RawSection, TypeSection, ValType,
};
use wasmparser::{
    DataKind, ElementKind, FuncValidatorAllocations, Parser, Payload, TypeRef, ValidPayload, Validator,
    WasmFeatures,
};

use super::http;

/// The bytes that one mark is about: few enough that little is written back for nothing, enough that
/// a stack frame needs one mark.
pub(crate) const GRANULE: usize = 1 << GRANULE_BITS;
const GRANULE_BITS: u32 = 10;

/// How many marks there are, in one page of memory. Marks of a larger memory than 64 MiB would share
/// places: nothing is missed, some is written back for nothing.
const MARKS: i32 = 64 * 1024;

/// The largest store of WebAssembly 2.0, in bytes.
const STORE_MAX: u64 = 16;

/// The names under which what can change is exported.
pub(super) const MARKS_EXPORT: &str = "edgeloom:marks";
const GLOBAL_EXPORT: &str = "edgeloom:global-";
/// No module of the contract exports such a name itself.
const OURS: &str = "edgeloom:marks edgeloom:global-";

/// The most mutable globals: each is set after each call.
const GLOBALS_MAX: usize = 8;

/// The module with its changes made visible, if it is known what those are.
pub(crate) fn tracked(module: &[u8]) -> Option<Vec<u8>> {
    let mut validator = Validator::new_with_features(WasmFeatures::WASM2);
    let mut rewriting = Rewriting::default();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        match validator.payload(&payload).ok()? {
            ValidPayload::Func(function, body) => {
                let validator = function.into_validator(FuncValidatorAllocations::default());
                let code = body::tracked(validator, &body, rewriting.mark_range()?, &rewriting.idle)?;
                rewriting.body(&code);
            }
            ValidPayload::Ok | ValidPayload::End(_) => rewriting.section(&payload, module)?,
            ValidPayload::Parser(_) => return None,
        }
    }
    (rewriting.memories == 1).then(|| rewriting.module.finish())
}

/// The name of an exported global.
pub(super) fn global_name(position: usize) -> Option<String> {
    (position < GLOBALS_MAX).then(|| format!("{GLOBAL_EXPORT}{position}"))
}

/// A module in the making.
#[derive(Default)]
struct Rewriting {
    module: Module,
    memories: u32,
    types: u32,
    functions: u32,
    /// The indices of imported functions that take a number and do nothing.
    idle: BTreeSet<u32>,
    /// The indices of mutable globals.
    changing: Vec<u32>,
    globals: u32,
    code: CodeSection,
    bodies_left: u32,
}

impl Rewriting {
    /// The index of the function that marks a range, which is the last.
    fn mark_range(&self) -> Option<u32> {
        // One more was declared than the module has: see `section`.
        self.functions.checked_sub(1)
    }

    fn body(&mut self, body: &Function) {
        self.code.function(body);
        self.bodies_left = self.bodies_left.saturating_sub(1);
        if self.bodies_left == 0 {
            self.code.function(&body::mark_range());
            self.module.section(&self.code);
        }
    }

    /// `None` where something is found that could not be put back.
    fn section(&mut self, payload: &Payload<'_>, module: &[u8]) -> Option<()> {
        let mut again = RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                let mut types = TypeSection::new();
                again.parse_type_section(&mut types, section.clone()).ok()?;
                self.types = types.len();
                types.ty().function([ValType::I32, ValType::I32], []);
                self.module.section(&types);
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let import = import.ok()?;
                    matches!(import.ty, TypeRef::Func(_)).then_some(())?;
                    if import.module == http::MODULE && http::DROPS.contains(&import.name) {
                        self.idle.insert(self.functions);
                    }
                    self.functions += 1;
                }
                self.copy(payload, module)?;
            }
            Payload::FunctionSection(section) => {
                let mut functions = FunctionSection::new();
                again.parse_function_section(&mut functions, section.clone()).ok()?;
                functions.function(self.types);
                self.functions += functions.len();
                self.module.section(&functions);
            }
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                again.parse_memory_section(&mut memories, section.clone()).ok()?;
                self.memories = memories.len();
                memories.memory(MemoryType {
                    minimum: 1,
                    maximum: Some(1),
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
                self.module.section(&memories);
            }
            Payload::GlobalSection(globals) => {
                for global in globals.clone() {
                    let ty = global.ok()?.ty;
                    if ty.mutable {
                        is_number(ty.content_type).then(|| self.changing.push(self.globals))?;
                    }
                    self.globals += 1;
                }
                (self.changing.len() <= GLOBALS_MAX).then_some(())?;
                self.copy(payload, module)?;
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::ElementSection(elements) => {
                for element in elements.clone() {
                    (!matches!(element.ok()?.kind, ElementKind::Passive)).then_some(())?;
                }
                self.copy(payload, module)?;
            }
            Payload::DataSection(data) => {
                for data in data.clone() {
                    matches!(data.ok()?.kind, DataKind::Active { .. }).then_some(())?;
                }
                self.copy(payload, module)?;
            }
            Payload::StartSection { .. } | Payload::TagSection(_) => return None,
            Payload::CodeSectionStart { count, .. } => self.bodies_left = *count,
            // Names tell a trap's place; the rest of what is custom has done its service.
            Payload::CustomSection(section) if section.name() != "name" => {}
            _ => self.copy(payload, module)?,
        }
        Some(())
    }

    fn exports(&mut self, section: &wasmparser::ExportSectionReader<'_>) -> Option<()> {
        let mut exports = ExportSection::new();
        for export in section.clone() {
            let export = export.ok()?;
            let is_ours = |ours: &str| export.name.starts_with(ours);
            (!OURS.split(' ').any(is_ours)).then_some(())?;
            RoundtripReencoder.parse_export(&mut exports, export).ok()?;
        }
        exports.export(MARKS_EXPORT, ExportKind::Memory, MARKS_MEMORY);
        for (position, index) in self.changing.iter().enumerate() {
            exports.export(&global_name(position)?, ExportKind::Global, *index);
        }
        self.module.section(&exports);
        Some(())
    }

    fn copy(&mut self, payload: &Payload<'_>, module: &[u8]) -> Option<()> {
        if let Some((id, range)) = payload.as_section() {
            self.module.section(&RawSection { id, data: module.get(range)? });
        }
        Some(())
    }
}

/// The second memory.
const MARKS_MEMORY: u32 = 1;

fn is_number(ty: wasmparser::ValType) -> bool {
    use wasmparser::ValType::{F32, F64, I32, I64};
    matches!(ty, I32 | I64 | F32 | F64)
}

#[cfg(test)]
mod tests;
