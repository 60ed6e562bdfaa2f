//! `edgeloom:grants/tls`, for core modules.

use wasmtime::{Caller, Linker};

use super::reply::answer;
use crate::exchange::CallState;

type Guest<'c> = Caller<'c, CallState>;

const TLS: &str = "edgeloom:grants/tls@0.1.0";

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker
        .func_wrap(TLS, "connection", connection)?
        .func_wrap(TLS, "certificate", certificate)?
        .func_wrap(TLS, "names", names)?;
    Ok(())
}

/// `option<tls-connection>`: its case at 0, two texts from 4, the option of a third from 20.
fn connection(guest: Guest<'_>, to: i32) -> wasmtime::Result<()> {
    answer(guest, to, |state, _, reply| {
        reply.record(32);
        if let Some(tls) = state.tls() {
            reply.put(0, &[1]);
            reply.text(4, tls.version.as_bytes());
            reply.text(12, tls.cipher.as_bytes());
            reply.optional(20, tls.server_name.as_deref().map(str::as_bytes));
        }
        Ok(())
    })
}

/// `option<client-certificate>`: its case at 0, two texts from 4.
fn certificate(guest: Guest<'_>, to: i32) -> wasmtime::Result<()> {
    answer(guest, to, |state, _, reply| {
        reply.record(20);
        if let Some(shown) = state.shown() {
            reply.put(0, &[1]);
            reply.text(4, shown.subject.as_bytes());
            reply.text(12, shown.sha256.as_bytes());
        }
        Ok(())
    })
}

/// `list<alternative-name>`: an address and a length; each name is two texts, as a header is.
fn names(guest: Guest<'_>, to: i32) -> wasmtime::Result<()> {
    answer(guest, to, |state, _, reply| {
        reply.record(8);
        for (kind, name) in state.shown().into_iter().flat_map(|shown| &shown.names) {
            reply.line(kind.name().as_bytes(), name.as_bytes());
        }
        Ok(())
    })
}
