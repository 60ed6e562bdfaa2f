//! What the contract costs: the borrowed handle against the whole head as a
//! record, and one edit a call against `apply`.
//!
//! `cargo bench -p edgeloom-host --bench contract`, after `cargo xtask filters`.

#![allow(unsafe_code, reason = "generated bindings")]
#![allow(clippy::unwrap_used, reason = "a benchmark that can not start says so by panicking")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::component::{Component, HasSelf, Linker, Resource};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use self::edgeloom::ways::heads::{Host, HostRequest};

wasmtime::component::bindgen!({
    path: "benches/ways/wit",
    with: { "edgeloom:ways/heads.request": Lent },
});

pub enum Lent {}

struct Head(HeaderMap);

impl Host for Head {}

impl HostRequest for Head {
    fn header(&mut self, _: Resource<Lent>, name: String) -> Option<Vec<u8>> {
        self.0.get(name).map(|value| value.as_bytes().to_vec())
    }

    fn set_header(&mut self, _: Resource<Lent>, name: String, value: Vec<u8>) {
        set(&mut self.0, &name, &value);
    }

    fn apply(&mut self, _: Resource<Lent>, edits: Vec<Edit>) {
        apply(&mut self.0, edits);
    }

    fn drop(&mut self, _: Resource<Lent>) -> wasmtime::Result<()> {
        Ok(())
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value).unwrap());
}

fn apply(headers: &mut HeaderMap, edits: Vec<Edit>) {
    for edit in edits {
        match edit {
            Edit::Set(header) => set(headers, &header.name, &header.value),
            Edit::Remove(name) => drop(headers.remove(name)),
        }
    }
}

/// Twenty headers of the lengths that a browser sends.
fn head() -> Head {
    let mut headers = HeaderMap::new();
    for (name, length) in [("accept", 80), ("user-agent", 110), ("cookie", 200), ("referer", 60)] {
        headers.insert(name, HeaderValue::from_bytes(&vec![b'v'; length]).unwrap());
    }
    for n in 4..20 {
        headers.insert(
            HeaderName::from_bytes(format!("x-h{n}").as_bytes()).unwrap(),
            HeaderValue::from_static("some value"),
        );
    }
    Head(headers)
}

fn records(head: &Head) -> Vec<Header> {
    let record = |(name, value): (&HeaderName, &HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    head.0.iter().map(record).collect()
}

type Way = (&'static str, fn(&Ways, &mut Store<Head>));

const WAYS: [Way; 4] = [
    ("nothing", |ways, store| ways.call_nothing(store).unwrap()),
    ("by handle", |ways, store| ways.call_by_handle(store, Resource::new_borrow(0)).unwrap()),
    ("by handle, applied", |ways, store| {
        ways.call_by_handle_applied(store, Resource::new_borrow(0)).unwrap();
    }),
    ("by record", |ways, store| {
        let headers = records(store.data());
        let edits = ways.call_by_record(&mut *store, &headers).unwrap();
        apply(&mut store.data_mut().0, edits);
    }),
];

fn contract(c: &mut Criterion) {
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(512 * 1024).table_keep_resident(16 * 1024);
    let mut config = Config::new();
    config.epoch_interruption(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).unwrap();

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/filters/bench/ways.wasm");
    let module = std::fs::read(path).unwrap();
    let component = wit_component::ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
    let mut linker = Linker::new(&engine);
    Ways::add_to_linker::<_, HasSelf<Head>>(&mut linker, |head| head).unwrap();
    let pre =
        WaysPre::new(linker.instantiate_pre(&Component::new(&engine, component).unwrap()).unwrap()).unwrap();
    let start = || {
        let mut store = Store::new(&engine, head());
        store.set_epoch_deadline(u64::MAX / 2);
        let ways = pre.instantiate(&mut store).unwrap();
        (store, ways)
    };

    for (name, call) in WAYS {
        let (mut store, ways) = start();
        c.bench_function(&format!("warm/{name}"), |b| b.iter(|| call(&ways, black_box(&mut store))));
    }
    for (name, call) in WAYS {
        c.bench_function(&format!("fresh/{name}"), |b| {
            b.iter_batched(
                head,
                |head| {
                    let mut store = Store::new(&engine, head);
                    store.set_epoch_deadline(u64::MAX / 2);
                    let ways = pre.instantiate(&mut store).unwrap();
                    call(&ways, &mut store);
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(50); targets = contract }
criterion_main!(benches);
