//! The code of one function, with a mark for what each of its stores changes.

use std::collections::BTreeSet;

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};
use wasmparser::{FuncValidator, FunctionBody, Operator, OperatorsReader, WasmModuleResources};

use super::plan::{Assigned, Effect, Marking, Plan};
use super::{GRANULE_BITS, MARKS, MARKS_MEMORY};

/// The function with its marks; `None` where it does what could not be put back.
pub(super) fn tracked<R: WasmModuleResources>(
    mut validator: FuncValidator<R>,
    body: &FunctionBody<'_>,
    mark_range: u32,
    idle: &BTreeSet<u32>,
) -> Option<Function> {
    let parameters = validator.len_locals();
    let assigned = Assigned::of(body, parameters)?;
    let plan = Plan::of(&mut validator, body, &assigned)?;
    let mut writer = Writer::new(body, parameters, mark_range)?;
    for parameter in plan.marked_where_assigned.range(..parameters) {
        writer.mark_local(*parameter);
    }
    let mut stores = plan.stores.iter();
    let mut operators = OperatorsReader::new(body.get_binary_reader_for_operators().ok()?);
    while !operators.eof() {
        let operator = operators.read().ok()?;
        if matches!(operator, Operator::Call { function_index } if idle.contains(&function_index)) {
            writer.plain(&Operator::Drop)?;
            continue;
        }
        match Effect::of(&operator)? {
            Effect::Store(offset) => writer.store(&operator, *stores.next()?, offset)?,
            Effect::Range => writer.range(&operator)?,
            Effect::Assigns(local) => {
                writer.plain(&operator)?;
                if plan.marked_where_assigned.contains(&local) {
                    writer.mark_local(local);
                }
            }
            Effect::Joins | Effect::Opens | Effect::None => writer.plain(&operator)?,
        }
    }
    Some(writer.function)
}

/// A function in the making, and the locals that marking needs.
struct Writer {
    function: Function,
    mark_range: u32,
    /// The first of six locals: three numbers and a value of each other type.
    scratch: u32,
}

impl Writer {
    fn new(body: &FunctionBody<'_>, parameters: u32, mark_range: u32) -> Option<Self> {
        let mut locals = Vec::new();
        let mut scratch = parameters;
        for local in body.get_locals_reader().ok()? {
            let (count, ty) = local.ok()?;
            locals.push((count, RoundtripReencoder.val_type(ty).ok()?));
            scratch = scratch.checked_add(count)?;
        }
        locals.push((3, ValType::I32));
        locals.extend([ValType::I64, ValType::F32, ValType::F64, ValType::V128].map(|ty| (1, ty)));
        Some(Self { function: Function::new(locals), mark_range, scratch })
    }

    fn plain(&mut self, operator: &Operator<'_>) -> Option<()> {
        self.function.instruction(&RoundtripReencoder.instruction(operator.clone()).ok()?);
        Some(())
    }

    fn store(&mut self, operator: &Operator<'_>, marking: Marking, offset: u64) -> Option<()> {
        match marking {
            Marking::Covered => self.plain(operator),
            Marking::Base(base) => {
                self.mark_local(base);
                self.plain(operator)
            }
            Marking::Address(value) => {
                let (address, value) = (self.scratch, self.scratch_of(value)?);
                self.function.instruction(&Instruction::LocalSet(value));
                self.function.instruction(&Instruction::LocalTee(address));
                self.function.instruction(&Instruction::LocalGet(value));
                // Marked afterwards: it has not trapped, so address and offset make an address.
                self.plain(operator)?;
                self.mark(address, u32::try_from(offset).ok()?.cast_signed());
                Some(())
            }
        }
    }

    /// `memory.copy` and `memory.fill`: where to, from what, how much.
    fn range(&mut self, operator: &Operator<'_>) -> Option<()> {
        let [to, from, length] = [self.scratch, self.scratch + 1, self.scratch + 2];
        for local in [length, from] {
            self.function.instruction(&Instruction::LocalSet(local));
        }
        self.function.instruction(&Instruction::LocalTee(to));
        for local in [from, length] {
            self.function.instruction(&Instruction::LocalGet(local));
        }
        self.plain(operator)?;
        for local in [to, length] {
            self.function.instruction(&Instruction::LocalGet(local));
        }
        self.function.instruction(&Instruction::Call(self.mark_range));
        Some(())
    }

    fn mark_local(&mut self, local: u32) {
        self.mark(local, 0);
    }

    fn mark(&mut self, local: u32, offset: i32) {
        self.function.instruction(&Instruction::LocalGet(local));
        if offset != 0 {
            self.function.instruction(&Instruction::I32Const(offset));
            self.function.instruction(&Instruction::I32Add);
        }
        granule(&mut self.function);
        mark(&mut self.function);
    }

    /// A local for a value of this type.
    fn scratch_of(&self, ty: ValType) -> Option<u32> {
        let position = match ty {
            ValType::I32 => 1,
            ValType::I64 => 3,
            ValType::F32 => 4,
            ValType::F64 => 5,
            ValType::V128 => 6,
            ValType::Ref(_) => return None,
        };
        Some(self.scratch + position)
    }
}

/// `(to, length)`: marks every granule of a range that lies in memory.
pub(super) fn mark_range() -> Function {
    const TO: u32 = 0;
    const LAST: u32 = 1;
    let mut function = Function::new([]);
    for instruction in [
        Instruction::LocalGet(LAST),
        Instruction::I32Eqz,
        Instruction::If(BlockType::Empty),
        Instruction::Return,
        Instruction::End,
        Instruction::LocalGet(TO),
        Instruction::LocalGet(LAST),
        Instruction::I32Add,
        Instruction::I32Const(1),
        Instruction::I32Sub,
        Instruction::I32Const(GRANULE_BITS.cast_signed()),
        Instruction::I32ShrU,
        Instruction::LocalSet(LAST),
        Instruction::LocalGet(TO),
        Instruction::I32Const(GRANULE_BITS.cast_signed()),
        Instruction::I32ShrU,
        Instruction::LocalSet(TO),
        Instruction::Loop(BlockType::Empty),
        Instruction::LocalGet(TO),
    ] {
        function.instruction(&instruction);
    }
    place(&mut function);
    mark(&mut function);
    for instruction in [
        Instruction::LocalGet(TO),
        Instruction::I32Const(1),
        Instruction::I32Add,
        Instruction::LocalTee(TO),
        Instruction::LocalGet(LAST),
        Instruction::I32LeU,
        Instruction::BrIf(0),
        Instruction::End,
        Instruction::End,
    ] {
        function.instruction(&instruction);
    }
    function
}

/// Of an address, where its mark is.
fn granule(function: &mut Function) {
    function.instruction(&Instruction::I32Const(GRANULE_BITS.cast_signed()));
    function.instruction(&Instruction::I32ShrU);
    place(function);
}

/// Of a granule's number, where its mark is.
fn place(function: &mut Function) {
    function.instruction(&Instruction::I32Const(MARKS - 1));
    function.instruction(&Instruction::I32And);
}

fn mark(function: &mut Function) {
    function.instruction(&Instruction::I32Const(1));
    let memory = MemArg { offset: 0, align: 0, memory_index: MARKS_MEMORY };
    function.instruction(&Instruction::I32Store8(memory));
}
