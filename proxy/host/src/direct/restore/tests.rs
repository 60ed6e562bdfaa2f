use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, Function, FunctionSection, GlobalSection, GlobalType, MemorySection,
    MemoryType, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use super::*;

/// A module with one function and one memory, and what makes it differ from a compiled guest.
#[derive(Default)]
struct Odd {
    globals: Vec<ValType>,
    memories: u32,
    starts: bool,
    body: Vec<wasm_encoder::Instruction<'static>>,
    passive_data: bool,
    exports: Option<&'static str>,
}

fn guest() -> Odd {
    Odd { globals: vec![ValType::I32], memories: 1, ..Odd::default() }
}

impl Odd {
    fn bytes(&self) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        module.section(&types);
        module.section(FunctionSection::new().function(0));
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
            let ty = MemoryType {
                minimum: 1,
                maximum: None,
                memory64: false,
                shared: false,
                page_size_log2: None,
            };
            memories.memory(ty);
        }
        module.section(&memories);
        let mut globals = GlobalSection::new();
        for val_type in &self.globals {
            let start = match val_type {
                ValType::I64 => ConstExpr::i64_const(0),
                _ => ConstExpr::i32_const(0),
            };
            globals.global(GlobalType { val_type: *val_type, mutable: true, shared: false }, &start);
        }
        module.section(&globals);
        module.section(ExportSection::new().export(self.exports.unwrap_or("memory"), ExportKind::Memory, 0));
        if self.starts {
            module.section(&StartSection { function_index: 0 });
        }
        let mut function = Function::new([]);
        for instruction in &self.body {
            function.instruction(instruction);
        }
        function.instruction(&wasm_encoder::Instruction::End);
        module.section(CodeSection::new().function(&function));
        if self.passive_data {
            module.section(DataSection::new().passive([1, 2, 3]));
        }
        module.finish()
    }
}

#[test]
fn a_compiled_guest_can_be_put_back_and_stays_a_module() {
    let rewritten = restorable(&guest().bytes()).unwrap();
    wasmparser::Validator::new().validate_all(&rewritten).unwrap();
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, rewritten).unwrap();
    assert!(stack_pointer(&module).is_some());
    assert!(module.get_export_index("memory").is_some());
}

#[test]
fn whatever_else_could_change_is_not_put_back() {
    use wasm_encoder::{HeapType, Instruction};
    let odd: [(&str, Odd); 8] = [
        ("two mutable globals", Odd { globals: vec![ValType::I32, ValType::I32], ..guest() }),
        ("a mutable global of another type", Odd { globals: vec![ValType::I64], ..guest() }),
        ("no stack pointer", Odd { globals: vec![], ..guest() }),
        ("two memories", Odd { memories: 2, ..guest() }),
        ("a start function", Odd { starts: true, ..guest() }),
        ("a passive segment", Odd { passive_data: true, ..guest() }),
        ("a name of ours", Odd { exports: Some(STACK_POINTER), ..guest() }),
        (
            "a table that is written",
            Odd {
                body: vec![
                    Instruction::I32Const(0),
                    Instruction::RefNull(HeapType::FUNC),
                    Instruction::TableSet(0),
                ],
                ..guest()
            },
        ),
    ];
    for (what, odd) in odd {
        assert_eq!(restorable(&odd.bytes()), None, "{what}");
    }
}
