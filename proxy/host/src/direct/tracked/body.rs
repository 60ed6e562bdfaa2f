//! The code of one function, with a mark for what each of its stores changes.
//!
//! Where the address of a store is the value of a local, the local's value is marked instead of the
//! address: once, where the local gets its value, if that is done in one place that every store comes
//! after; else before the first of the stores in a straight line. A function's frame pointer is of the
//! first kind, and most stores are to its frame.

use std::collections::BTreeSet;

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};
use wasmparser::{FuncValidator, FunctionBody, Operator, OperatorsReader, WasmModuleResources};

use super::{GRANULE, GRANULE_BITS, MARKS, MARKS_MEMORY, STORE_MAX};

/// The function with its marks; `None` where it does what could not be put back.
pub(super) fn tracked<R: WasmModuleResources>(
    mut validator: FuncValidator<R>,
    body: &FunctionBody<'_>,
    mark_range: u32,
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

/// What an instruction has to do with stores.
enum Effect {
    /// A store, with its offset.
    Store(u64),
    /// Writes to a range of memory.
    Range,
    Assigns(u32),
    /// Control comes here from elsewhere too.
    Joins,
    /// Control may go elsewhere from here, or comes here from one place.
    Opens,
    None,
}

impl Effect {
    /// `None` for what could not be put back.
    fn of(operator: &Operator<'_>) -> Option<Self> {
        use Operator as O;
        Some(match operator {
            O::TableSet { .. }
            | O::TableGrow { .. }
            | O::TableFill { .. }
            | O::TableCopy { .. }
            | O::TableInit { .. }
            | O::ElemDrop { .. }
            | O::MemoryInit { .. }
            | O::DataDrop { .. } => return None,
            O::I32Store { memarg }
            | O::I64Store { memarg }
            | O::F32Store { memarg }
            | O::F64Store { memarg }
            | O::I32Store8 { memarg }
            | O::I32Store16 { memarg }
            | O::I64Store8 { memarg }
            | O::I64Store16 { memarg }
            | O::I64Store32 { memarg }
            | O::V128Store { memarg }
            | O::V128Store8Lane { memarg, .. }
            | O::V128Store16Lane { memarg, .. }
            | O::V128Store32Lane { memarg, .. }
            | O::V128Store64Lane { memarg, .. } => Self::Store(memarg.offset),
            O::MemoryCopy { .. } | O::MemoryFill { .. } => Self::Range,
            O::LocalSet { local_index } | O::LocalTee { local_index } => Self::Assigns(*local_index),
            O::Loop { .. } | O::Else | O::End => Self::Joins,
            O::Block { .. }
            | O::If { .. }
            | O::Br { .. }
            | O::BrIf { .. }
            | O::BrTable { .. }
            | O::Return
            | O::Unreachable => Self::Opens,
            _ => Self::None,
        })
    }
}

/// How often, and where, locals get a value.
struct Assigned {
    parameters: u32,
    /// Assigned once, outside of every block: so that what comes later in the text comes after it.
    once: BTreeSet<u32>,
    /// Assigned more often, or in a block.
    again: BTreeSet<u32>,
}

impl Assigned {
    fn of(body: &FunctionBody<'_>, parameters: u32) -> Option<Self> {
        let mut assigned = Self { parameters, once: BTreeSet::new(), again: BTreeSet::new() };
        let mut depth = 0_u32;
        for operator in body.get_operators_reader().ok()? {
            match operator.ok()? {
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    let is_first = local_index >= parameters && !assigned.once.remove(&local_index);
                    if is_first && depth == 0 && !assigned.again.contains(&local_index) {
                        assigned.once.insert(local_index);
                    } else {
                        assigned.again.insert(local_index);
                    }
                }
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Some(assigned)
    }

    /// Whether the local has one value from where it is assigned: parameters, from the beginning.
    fn is_stable(&self, local: u32) -> bool {
        if local < self.parameters { !self.again.contains(&local) } else { self.once.contains(&local) }
    }
}

/// How a store is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marking {
    /// A mark that was made before is about this store too.
    Covered,
    /// By the value of this local, just before.
    Base(u32),
    /// By its address. The value that is stored is of this type.
    Address(ValType),
}

/// What is marked where.
struct Plan {
    /// For each store of the text.
    stores: Vec<Marking>,
    /// Locals that are marked where they get their only value.
    marked_where_assigned: BTreeSet<u32>,
}

impl Plan {
    fn of<R: WasmModuleResources>(
        validator: &mut FuncValidator<R>,
        body: &FunctionBody<'_>,
        assigned: &Assigned,
    ) -> Option<Self> {
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader).ok()?;
        let mut operators = OperatorsReader::new(reader);
        let mut plan = Self { stores: Vec::new(), marked_where_assigned: BTreeSet::new() };
        let mut known = Known::default();
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset().ok()?;
            if let Effect::Store(store_offset) = Effect::of(&operator)? {
                let value = validator.get_operand_type(0).flatten();
                let marking = match known.base().filter(|_| store_offset < GRANULE as u64 - STORE_MAX) {
                    // Before that it is zero, and there is no mark.
                    Some(base) if assigned.is_stable(base) && known.has_value(base, assigned) => {
                        plan.marked_where_assigned.insert(base);
                        Marking::Covered
                    }
                    Some(base) if known.marked.insert(base) => Marking::Base(base),
                    Some(_) => Marking::Covered,
                    // Without a type it is never reached.
                    None => Marking::Address(value.map_or(Some(ValType::I32), number)?),
                };
                plan.stores.push(marking);
            }
            let arity = operator.operator_arity(&*validator);
            validator.op(offset, &operator).ok()?;
            known.step(&operator, arity, validator.operand_stack_height() as usize)?;
        }
        Some(plan)
    }
}

/// What is known of the operand stack and of marks, at one place of the text.
#[derive(Default)]
struct Known {
    /// For each operand the local whose value it is and has been since it was read.
    operands: Vec<Option<u32>>,
    /// Locals whose value has been marked on every way that leads here.
    marked: BTreeSet<u32>,
    /// Locals that were assigned in the text so far.
    assigned: BTreeSet<u32>,
}

impl Known {
    /// The local whose value is the address of a store that is next.
    fn base(&self) -> Option<u32> {
        let address = self.operands.len().checked_sub(2)?;
        self.operands.get(address).copied().flatten()
    }

    fn has_value(&self, local: u32, all: &Assigned) -> bool {
        local < all.parameters || self.assigned.contains(&local)
    }

    /// Follows an instruction that leaves the stack this high.
    fn step(&mut self, operator: &Operator<'_>, arity: Option<(u32, u32)>, height: usize) -> Option<()> {
        // Without an arity, control does not reach.
        let (pops, pushes) = arity.unwrap_or((u32::MAX, 0));
        let kept = self.operands.len().saturating_sub(pops as usize);
        self.operands.truncate(kept);
        let mut pushed = None;
        match Effect::of(operator)? {
            Effect::Assigns(local) => {
                for operand in self.operands.iter_mut().filter(|operand| **operand == Some(local)) {
                    *operand = None;
                }
                self.marked.remove(&local);
                self.assigned.insert(local);
                pushed = matches!(operator, Operator::LocalTee { .. }).then_some(local);
            }
            Effect::Joins => {
                self.operands.clear();
                self.marked.clear();
            }
            Effect::Opens => self.operands.clear(),
            Effect::Store(_) | Effect::Range => {}
            Effect::None => {
                if let Operator::LocalGet { local_index } = operator {
                    pushed = Some(*local_index);
                }
            }
        }
        for _ in 0..pushes {
            self.operands.push(pushed);
        }
        // Where control does not reach, or after a block, operands are of unknown origin.
        if self.operands.len() != height {
            self.operands = vec![None; height];
        }
        Some(())
    }
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
    const PLACES: i32 = MARKS as i32 - 1;
    function.instruction(&Instruction::I32Const(PLACES));
    function.instruction(&Instruction::I32And);
}

fn mark(function: &mut Function) {
    function.instruction(&Instruction::I32Const(1));
    let memory = MemArg { offset: 0, align: 0, memory_index: MARKS_MEMORY };
    function.instruction(&Instruction::I32Store8(memory));
}

fn number(ty: wasmparser::ValType) -> Option<ValType> {
    RoundtripReencoder.val_type(ty).ok()
}
