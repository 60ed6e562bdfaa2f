//! Guests that do all that code can do to memory.

use proptest::prelude::*;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, HeapType, Instruction as I, MemArg, MemorySection, MemoryType, Module,
    RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use crate::direct::tracked::GRANULE;

/// Of the guests here, in pages and in bytes.
const PAGES: u64 = 3;
const MEMORY: i32 = 3 * 64 * 1024;

/// Locals of a function: two parameters, then these.
const LOCALS: u32 = 4;
/// Counts the rounds of loops, so that they end.
const ROUNDS: u32 = LOCALS;

/// What a hostile function does, one after the other.
#[derive(Debug, Clone)]
pub(super) enum Act {
    SetTo(u32, i32),
    Copy(u32, u32),
    Advance(u32, i32),
    Store(Base, Width, u64),
    /// Reads the address, gives its local another value, and then stores there.
    StoreBehind(u32, i32, u64),
    Fill(u32, i32),
    Move(u32, u32, i32),
    Block(Vec<Self>, u32),
    Loop(Vec<Self>),
    Either(u32, Vec<Self>, Vec<Self>),
    SetGlobal(u32),
    Call(u32, u32),
    TrapIf(u32),
    LeaveIf(u32),
}

/// How an address comes about.
#[derive(Debug, Clone)]
pub(super) enum Base {
    Local(u32),
    Constant(i32),
    Tee(u32, i32),
    Sum(u32, i32),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    I32,
    I32In8,
    I32In16,
    I64,
    I64In8,
    I64In32,
    F32,
    F64,
    V128,
    V128Lane,
}

fn local() -> impl Strategy<Value = u32> {
    0..LOCALS
}

pub(super) fn address() -> impl Strategy<Value = i32> {
    prop_oneof![
        8 => 0..MEMORY,
        // At the border of a granule, of the memory, and past it.
        4 => (0..MEMORY / 1024, -20..20i32).prop_map(|(granule, off)| granule * 1024 + off),
        1 => (-40..40i32).prop_map(|off| MEMORY + off),
        1 => any::<i32>(),
    ]
}

fn offset() -> impl Strategy<Value = u64> {
    let granule = GRANULE as u64;
    prop_oneof![4 => 0..64u64, 4 => granule - 40..granule + 40, 2 => 0..4 * granule, 1 => 60_000..70_000u64]
}

fn width() -> impl Strategy<Value = Width> {
    use Width as W;
    prop::sample::select(vec![
        W::I32,
        W::I32In8,
        W::I32In16,
        W::I64,
        W::I64In8,
        W::I64In32,
        W::F32,
        W::F64,
        W::V128,
        W::V128Lane,
    ])
}

fn base() -> impl Strategy<Value = Base> {
    prop_oneof![
        4 => local().prop_map(Base::Local),
        1 => address().prop_map(Base::Constant),
        2 => (local(), address()).prop_map(|(local, to)| Base::Tee(local, to)),
        2 => (local(), 0..4096).prop_map(|(local, more)| Base::Sum(local, more)),
    ]
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let leaf = prop_oneof![
        3 => (local(), address()).prop_map(|(local, to)| Act::SetTo(local, to)),
        2 => (local(), local()).prop_map(|(to, from)| Act::Copy(to, from)),
        2 => (local(), -5000..5000i32).prop_map(|(local, by)| Act::Advance(local, by)),
        12 => (base(), width(), offset()).prop_map(|(base, width, offset)| Act::Store(base, width, offset)),
        2 => (local(), address(), offset()).prop_map(|(local, to, offset)| Act::StoreBehind(local, to, offset)),
        1 => (local(), 0..5000).prop_map(|(to, length)| Act::Fill(to, length)),
        1 => (local(), local(), 0..5000).prop_map(|(to, from, length)| Act::Move(to, from, length)),
        1 => local().prop_map(Act::SetGlobal),
        1 => (local(), local()).prop_map(|(one, other)| Act::Call(one, other)),
        1 => local().prop_map(Act::TrapIf),
        1 => local().prop_map(Act::LeaveIf),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let acts = prop::collection::vec(inner, 0..6);
        prop_oneof![
            (acts.clone(), local()).prop_map(|(acts, out)| Act::Block(acts, out)),
            acts.clone().prop_map(Act::Loop),
            (local(), acts.clone(), acts).prop_map(|(local, yes, no)| Act::Either(local, yes, no)),
        ]
    })
}

/// A function in the making.
struct Writer(Function);

impl Writer {
    fn all(&mut self, instructions: impl IntoIterator<Item = I<'static>>) {
        for instruction in instructions {
            self.0.instruction(&instruction);
        }
    }

    fn acts(&mut self, acts: &[Act]) {
        acts.iter().for_each(|act| self.act(act));
    }

    fn act(&mut self, act: &Act) {
        use Act as A;
        match act {
            A::SetTo(local, to) => self.all([I::I32Const(*to), I::LocalSet(*local)]),
            A::Copy(to, from) => self.all([I::LocalGet(*from), I::LocalSet(*to)]),
            A::Advance(local, by) => {
                self.all([I::LocalGet(*local), I::I32Const(*by), I::I32Add, I::LocalSet(*local)]);
            }
            A::Store(base, width, offset) => {
                self.all(match base {
                    Base::Local(local) => vec![I::LocalGet(*local)],
                    Base::Constant(at) => vec![I::I32Const(*at)],
                    Base::Tee(local, to) => vec![I::I32Const(*to), I::LocalTee(*local)],
                    Base::Sum(local, more) => vec![I::LocalGet(*local), I::I32Const(*more), I::I32Add],
                });
                self.store(*width, *offset);
            }
            A::StoreBehind(local, to, offset) => {
                self.all([I::LocalGet(*local), I::I32Const(*to), I::LocalSet(*local)]);
                self.store(Width::I32, *offset);
            }
            A::Fill(to, length) => {
                self.all([I::LocalGet(*to), I::I32Const(0x5a), I::I32Const(*length), I::MemoryFill(0)]);
            }
            A::Move(to, from, length) => self.all([
                I::LocalGet(*to),
                I::LocalGet(*from),
                I::I32Const(*length),
                I::MemoryCopy { src_mem: 0, dst_mem: 0 },
            ]),
            A::Block(acts, out) => {
                self.all([
                    I::Block(BlockType::Empty),
                    I::LocalGet(*out),
                    I::I32Const(1),
                    I::I32And,
                    I::BrIf(0),
                ]);
                self.acts(acts);
                self.all([I::End]);
            }
            A::Loop(acts) => {
                self.all([I::Loop(BlockType::Empty)]);
                self.acts(acts);
                self.all([
                    I::LocalGet(ROUNDS),
                    I::I32Const(1),
                    I::I32Add,
                    I::LocalTee(ROUNDS),
                    I::I32Const(6),
                    I::I32LtU,
                    I::BrIf(0),
                    I::End,
                ]);
            }
            A::Either(local, yes, no) => {
                self.all([I::LocalGet(*local), I::I32Const(2), I::I32And, I::If(BlockType::Empty)]);
                self.acts(yes);
                self.all([I::Else]);
                self.acts(no);
                self.all([I::End]);
            }
            A::SetGlobal(local) => self.all([I::LocalGet(*local), I::GlobalSet(0)]),
            A::Call(one, other) => self.all([I::LocalGet(*one), I::LocalGet(*other), I::Call(0)]),
            A::TrapIf(local) => self.leave(*local, I::Unreachable),
            A::LeaveIf(local) => self.leave(*local, I::Return),
        }
    }

    fn leave(&mut self, local: u32, how: I<'static>) {
        self.all([I::LocalGet(local), I::I32Const(15), I::I32And, I::I32Const(7), I::I32Eq]);
        self.all([I::If(BlockType::Empty), how, I::End]);
    }

    fn store(&mut self, width: Width, offset: u64) {
        let memarg = MemArg { offset, align: 0, memory_index: 0 };
        let vector = I::V128Const(0x1122_3344_5566_7788_99aa_bbcc_ddee_ff00);
        self.all(match width {
            Width::I32 => [I::I32Const(-1), I::I32Store(memarg)],
            Width::I32In8 => [I::I32Const(-2), I::I32Store8(memarg)],
            Width::I32In16 => [I::I32Const(-3), I::I32Store16(memarg)],
            Width::I64 => [I::I64Const(-4), I::I64Store(memarg)],
            Width::I64In8 => [I::I64Const(-5), I::I64Store8(memarg)],
            Width::I64In32 => [I::I64Const(-6), I::I64Store32(memarg)],
            Width::F32 => [I::F32Const(1.5_f32.into()), I::F32Store(memarg)],
            Width::F64 => [I::F64Const(2.5_f64.into()), I::F64Store(memarg)],
            Width::V128 => [vector, I::V128Store(memarg)],
            Width::V128Lane => [vector, I::V128Store16Lane { memarg, lane: 3 }],
        });
    }
}

fn function(acts: &[Act]) -> Function {
    let mut writer = Writer(Function::new([(LOCALS + 1 - 2, ValType::I32)]));
    writer.acts(acts);
    writer.all([I::End]);
    writer.0
}

/// What a guest's module has beside its code.
#[derive(Clone)]
pub(super) struct Odd {
    pub(super) globals: Vec<ValType>,
    pub(super) memories: u32,
    pub(super) starts: bool,
    pub(super) body: Vec<I<'static>>,
    pub(super) passive_data: bool,
    pub(super) export: &'static str,
}

pub(super) fn guest() -> Odd {
    Odd {
        globals: vec![ValType::I32],
        memories: 1,
        starts: false,
        body: Vec::new(),
        passive_data: false,
        export: "memory",
    }
}

impl Odd {
    /// A function that has these instructions, one that is called, and one that is called by tests.
    pub(super) fn bytes(&self, called: &[Act], acts: &[Act]) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32, ValType::I32], []);
        types.ty().function([], []);
        module.section(&types);
        module.section(FunctionSection::new().function(0).function(0).function(1));
        let table = TableType {
            element_type: RefType::FUNCREF,
            minimum: 1,
            maximum: Some(1),
            table64: false,
            shared: false,
        };
        module.section(TableSection::new().table(table));
        let mut memories = MemorySection::new();
        for _ in 0..self.memories {
            memories.memory(MemoryType {
                minimum: PAGES,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
        }
        module.section(&memories);
        let mut globals = GlobalSection::new();
        for val_type in &self.globals {
            let start = match val_type {
                ValType::I64 => ConstExpr::i64_const(7),
                ValType::Ref(_) => ConstExpr::ref_null(HeapType::FUNC),
                _ => ConstExpr::i32_const(7),
            };
            globals.global(GlobalType { val_type: *val_type, mutable: true, shared: false }, &start);
        }
        module.section(&globals);
        let mut exports = ExportSection::new();
        exports.export(self.export, ExportKind::Memory, 0).export("run", ExportKind::Func, 1);
        module.section(&exports);
        if self.starts {
            module.section(&StartSection { function_index: 2 });
        }
        let mut odd = Function::new([]);
        for instruction in self.body.iter().chain([&I::End]) {
            odd.instruction(instruction);
        }
        module
            .section(CodeSection::new().function(&function(called)).function(&function(acts)).function(&odd));
        if self.passive_data {
            module.section(DataSection::new().passive([1, 2, 3]));
        }
        module.finish()
    }
}
