//! Whatever code a guest has, what it changes is marked, and it does what it did before.

mod guest;

use proptest::prelude::*;
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, HeapType, ImportSection,
    Instruction as I, MemArg, MemorySection, MemoryType, TypeSection, ValType,
};
use wasmtime::{Caller, Config, Engine, Func, Instance, Store, Val};

use super::{GRANULE, MARKS_EXPORT, http, tracked};
use guest::{Act, Base, Odd, Width, act, address, guest};

/// An instance of a guest, called: how it went, its memory, and its memory before.
struct Called {
    store: Store<()>,
    instance: Instance,
    before: Vec<u8>,
    trapped: bool,
}

impl Called {
    fn new(engine: &Engine, module: &[u8], (one, other): (i32, i32)) -> Self {
        let module = wasmtime::Module::new(engine, module).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        // Something to differ from, so that a zero that is written is seen.
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        for (at, byte) in memory.data_mut(&mut store).iter_mut().enumerate() {
            *byte = u8::try_from(at % 251).unwrap();
        }
        let before = memory.data(&store).to_vec();
        let run = instance.get_typed_func::<(i32, i32), ()>(&mut store, "run").unwrap();
        let trapped = run.call(&mut store, (one, other)).is_err();
        Self { store, instance, before, trapped }
    }

    fn memory(&mut self, name: &str) -> Vec<u8> {
        self.instance.get_memory(&mut self.store, name).unwrap().data(&self.store).to_vec()
    }
}

/// Runs a guest as it is and rewritten, and says what is wrong with that.
fn compare(called: &[Act], acts: &[Act], arguments: (i32, i32)) -> Result<(), String> {
    let engine = engine();
    let module = guest().bytes(called, acts);
    let rewritten = tracked(&module).ok_or("it is not accepted")?;
    let mut plain = Called::new(&engine, &module, arguments);
    let mut marked = Called::new(&engine, &rewritten, arguments);
    if plain.trapped != marked.trapped {
        return Err("only one of them traps".into());
    }
    let memory = marked.memory("memory");
    if plain.memory("memory") != memory {
        return Err("it does something else".into());
    }
    let marks = marked.memory(MARKS_EXPORT);
    let is_marked = |granule: usize| marks[granule] != 0 || (granule > 0 && marks[granule - 1] != 0);
    let mut granules = memory.chunks(GRANULE).zip(marked.before.chunks(GRANULE)).enumerate();
    match granules.find(|(granule, (now, before))| now != before && !is_marked(*granule)) {
        Some((granule, _)) => Err(format!("granule {granule} is changed and not marked")),
        None => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn whatever_a_guest_changes_is_marked_and_it_does_the_same(
        called in prop::collection::vec(act(), 0..5),
        acts in prop_oneof![prop::collection::vec(act(), 1..5), prop::collection::vec(act(), 5..14)],
        arguments in (address(), address()),
    ) {
        prop_assert_eq!(compare(&without_calls(called), &acts, arguments), Ok(()));
    }
}

/// What one mark for several stores could get wrong, one by one.
#[test]
fn a_mark_serves_no_store_that_it_is_not_about() {
    let store = |local| Act::Store(Base::Local(local), Width::I32, 8);
    let far = |local| Act::Store(Base::Local(local), Width::I32, 3000);
    let cases: [(&str, Vec<Act>); 9] = [
        ("a local that has its value later", vec![store(2), Act::SetTo(2, 50_000), store(2)]),
        ("a value that is read before the local gets another", vec![Act::StoreBehind(2, 50_000, 8)]),
        ("the same, of a parameter", vec![Act::StoreBehind(0, 50_000, 8)]),
        ("a local that gets another value", vec![store(0), Act::Advance(0, 5000), store(0)]),
        ("a store far from its base", vec![store(0), far(0)]),
        (
            "a mark that is made in one branch",
            vec![Act::Either(1, vec![store(0)], vec![]), Act::Advance(0, 0), store(0)],
        ),
        ("a mark that is jumped over", vec![Act::Block(vec![Act::Advance(0, 1), store(0)], 1), store(0)]),
        ("a loop that moves on", vec![Act::Loop(vec![store(0), Act::Advance(0, 5000)])]),
        ("a loop that moves on first", vec![store(0), Act::Loop(vec![Act::Advance(0, 5000), store(0)])]),
    ];
    for (what, acts) in cases {
        for flag in 0..4 {
            assert_eq!(compare(&[], &acts, (9000, flag)), Ok(()), "{what}, {flag}");
        }
    }
}

/// Else the function that is called would call itself.
fn without_calls(acts: Vec<Act>) -> Vec<Act> {
    let kept = acts.into_iter().filter(|act| !matches!(act, Act::Call(..)));
    let inner = |act| match act {
        Act::Block(acts, out) => Act::Block(without_calls(acts), out),
        Act::Loop(acts) => Act::Loop(without_calls(acts)),
        Act::Either(local, yes, no) => Act::Either(local, without_calls(yes), without_calls(no)),
        other => other,
    };
    kept.map(inner).collect()
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.cranelift_opt_level(wasmtime::OptLevel::None);
    Engine::new(&config).unwrap()
}

#[test]
fn every_mutable_global_is_exported() {
    let module =
        Odd { globals: vec![ValType::I32, ValType::I64], ..guest() }.bytes(&[], &[Act::SetGlobal(0)]);
    let mut called = Called::new(&engine(), &tracked(&module).unwrap(), (5, 6));
    let mut global =
        |name: &str| called.instance.get_global(&mut called.store, name).unwrap().get(&mut called.store);
    assert!(matches!(global("edgeloom:global-0"), Val::I32(5)));
    assert!(matches!(global("edgeloom:global-1"), Val::I64(7)));
}

#[test]
fn a_handle_is_given_back_without_a_call() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(http::MODULE, "[method]request.path", EntityType::Function(0));
    imports.import(http::MODULE, http::DROPS[0], EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1).function(1);
    let mut memories = MemorySection::new();
    let (minimum, maximum) = (1, None);
    memories.memory(MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("gives back", ExportKind::Func, 2).export("asks", ExportKind::Func, 3);
    let mut code = CodeSection::new();
    for import in [1, 0] {
        let mut function = Function::new([]);
        function.instruction(&I::I32Const(1)).instruction(&I::Call(import)).instruction(&I::End);
        code.function(&function);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories);
    module.section(&exports).section(&code);

    let engine = engine();
    let module = wasmtime::Module::new(&engine, tracked(&module.finish()).unwrap()).unwrap();
    let mut store = Store::new(&engine, 0);
    let import = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, _: i32| *caller.data_mut() += 1);
    let instance = Instance::new(&mut store, &module, &[import.into(), import.into()]).unwrap();
    for (name, calls) in [("gives back", 0), ("asks", 1)] {
        instance.get_typed_func::<(), ()>(&mut store, name).unwrap().call(&mut store, ()).unwrap();
        assert_eq!(*store.data(), calls, "{name}");
    }
}

#[test]
fn a_guest_can_not_name_the_marks() {
    let store = I::I32Store(MemArg { offset: 0, align: 0, memory_index: 1 });
    let odd = Odd { body: vec![I::I32Const(0), I::I32Const(0), store], ..guest() };
    assert_eq!(tracked(&odd.bytes(&[], &[])), None);
}

#[test]
fn whatever_else_could_change_is_not_accepted() {
    let null = I::RefNull(HeapType::FUNC);
    let odd: [(&str, Odd); 10] = [
        ("a global that is no number", Odd { globals: vec![ValType::FUNCREF], ..guest() }),
        ("more globals than are worth it", Odd { globals: vec![ValType::I32; 9], ..guest() }),
        ("no memory", Odd { memories: 0, ..guest() }),
        ("two memories", Odd { memories: 2, ..guest() }),
        ("a start function", Odd { starts: true, ..guest() }),
        ("a passive segment", Odd { passive_data: true, ..guest() }),
        ("a name of ours", Odd { export: "edgeloom:global-0", ..guest() }),
        (
            "a table that is written",
            Odd { body: vec![I::I32Const(0), null.clone(), I::TableSet(0)], ..guest() },
        ),
        ("a table that grows", Odd { body: vec![null, I::I32Const(0), I::TableGrow(0), I::Drop], ..guest() }),
        (
            "what came after WebAssembly 2.0",
            Odd {
                body: vec![
                    I::I64Const(1),
                    I::I64Const(2),
                    I::I64Const(3),
                    I::I64Const(4),
                    I::I64Add128,
                    I::Drop,
                    I::Drop,
                ],
                ..guest()
            },
        ),
    ];
    for (what, odd) in odd {
        assert_eq!(tracked(&odd.bytes(&[], &[])), None, "{what}");
    }
    assert!(tracked(&guest().bytes(&[], &[])).is_some());
    assert_eq!(tracked(b"\0asm\x01\0\0\0"), None);
    assert_eq!(tracked(b"no module"), None);
}
