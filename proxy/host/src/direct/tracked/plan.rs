//! Which stores of a function are marked, and how.
//!
//! Where the address of a store is the value of a local, the local's value is marked instead of the
//! address: once, where the local gets its value, if that is done in one place that every store comes
//! after; else before the first of the stores in a straight line. A function's frame pointer is of the
//! first kind, and most stores are to its frame.

use std::collections::BTreeSet;

use wasm_encoder::ValType;
use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasmparser::{FuncValidator, FunctionBody, Operator, OperatorsReader, WasmModuleResources};

use super::{GRANULE, STORE_MAX};

/// What an instruction has to do with stores.
pub(super) enum Effect {
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
    pub(super) fn of(operator: &Operator<'_>) -> Option<Self> {
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
pub(super) struct Assigned {
    parameters: u32,
    /// Assigned once, outside of every block: so that what comes later in the text comes after it.
    once: BTreeSet<u32>,
    /// Assigned more often, or in a block.
    again: BTreeSet<u32>,
}

impl Assigned {
    pub(super) fn of(body: &FunctionBody<'_>, parameters: u32) -> Option<Self> {
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
pub(super) enum Marking {
    /// A mark that was made before is about this store too.
    Covered,
    /// By the value of this local, just before.
    Base(u32),
    /// By its address. The value that is stored is of this type.
    Address(ValType),
}

/// What is marked where.
pub(super) struct Plan {
    /// For each store of the text.
    pub(super) stores: Vec<Marking>,
    /// Locals that are marked where they get their only value.
    pub(super) marked_where_assigned: BTreeSet<u32>,
}

impl Plan {
    pub(super) fn of<R: WasmModuleResources>(
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

fn number(ty: wasmparser::ValType) -> Option<ValType> {
    RoundtripReencoder.val_type(ty).ok()
}
