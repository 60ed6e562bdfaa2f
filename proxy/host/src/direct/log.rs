//! `edgeloom:grants/log`, for core modules.

use wasmtime::{Caller, Linker};

use super::memory::{Lie, View, parts};
use crate::bindings::log::Level;
use crate::exchange::CallState;

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.func_wrap("edgeloom:grants/log@0.1.0", "write", write).map(|_| ())
}

fn write(mut guest: Caller<'_, CallState>, level: i32, at: i32, length: i32) -> wasmtime::Result<()> {
    let level = match level {
        0 => Level::Debug,
        1 => Level::Info,
        2 => Level::Warn,
        3 => Level::Error,
        _ => return Err(Lie::NoSuchCase.into()),
    };
    let (memory, state) = parts(&mut guest)?;
    let message = View::new(memory).text(at, length)?;
    state.say(level, message);
    Ok(())
}
