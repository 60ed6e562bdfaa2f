//! One call of one phase: its deadline, its memory, and what a trap means.

use std::sync::Arc;

use edgeloom_core::fault::Fault;
use edgeloom_core::limits::{GUEST_TEXT_MAX, HANDED_OVER_MAX};
use edgeloom_core::units::Bytes;
use wasmtime::{ResourceLimiter, Store, Trap};

use crate::bindings::{request_phase, response_phase};
use crate::exchange::{CallState, RequestSubject, ResponseSubject};
use crate::filter::Filter;

/// A live filter in a store.
pub(crate) struct Instance {
    pub(crate) store: Store<CallState>,
    inner: wasmtime::component::Instance,
    request: Option<request_phase::Guest>,
    response: Option<response_phase::Guest>,
}

impl Instance {
    /// A new instance, configured as the image is.
    pub(crate) fn fresh(filter: &Filter) -> Result<Self, Fault> {
        let state = CallState {
            filter: Arc::clone(&filter.name),
            grants: Arc::clone(&filter.grants),
            limits: Limits::new(filter.memory),
            log_lines: 0,
            request: RequestSubject::default(),
            response: ResponseSubject::default(),
        };
        let mut store = Store::new(filter.linked.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(HANDED_OVER_MAX);
        // Instantiation runs guest code too: `start` functions, relocations.
        store.set_epoch_deadline(filter.ticks);
        let inner = filter.linked.pre.instantiate(&mut store).map_err(|error| fault(&error, &store))?;
        Ok(Self { store, inner, request: None, response: None })
    }

    pub(crate) fn request_phase(&mut self, filter: &Filter) -> Result<Option<request_phase::Guest>, Fault> {
        if let (None, Some(indices)) = (&self.request, &filter.linked.request) {
            let guest =
                indices.load(&mut self.store, &self.inner).map_err(|error| fault(&error, &self.store))?;
            self.request = Some(guest);
        }
        Ok(self.request.clone())
    }

    pub(crate) fn response_phase(&mut self, filter: &Filter) -> Result<Option<response_phase::Guest>, Fault> {
        if let (None, Some(indices)) = (&self.response, &filter.linked.response) {
            let guest =
                indices.load(&mut self.store, &self.inner).map_err(|error| fault(&error, &self.store))?;
            self.response = Some(guest);
        }
        Ok(self.response.clone())
    }
}

/// What an error of Wasmtime says of the guest.
pub(crate) fn fault(error: &wasmtime::Error, store: &Store<CallState>) -> Fault {
    if let Some(Trap::Interrupt) = error.downcast_ref::<Trap>() {
        return Fault::Overran;
    }
    let limits = &store.data().limits;
    if limits.outgrew() {
        return Fault::Outgrew(format!("it asked for more than {} of memory", limits.memory));
    }
    let reason = error.root_cause().to_string();
    // The words of Wasmtime's fuel for host calls, whose type is private.
    if reason.contains("too much data") {
        return Fault::Outgrew(format!("it handed over more than {}", Bytes(HANDED_OVER_MAX as u64)));
    }
    Fault::Trapped(cut(reason, GUEST_TEXT_MAX))
}

/// The beginning of a guest's text, on one line.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text.replace(|c: char| c.is_control(), " ")
}

/// What one store may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    memory: Bytes,
    outgrew: bool,
}

impl Limits {
    pub(crate) fn new(memory: Bytes) -> Self {
        Self { memory, outgrew: false }
    }

    /// Whether more memory was asked for than there is.
    pub(crate) fn outgrew(&self) -> bool {
        self.outgrew
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, _now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let within = desired as u64 <= self.memory.0;
        self.outgrew |= !within;
        Ok(within)
    }

    fn table_growing(&mut self, _now: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let within = desired <= TABLE_MAX;
        self.outgrew |= !within;
        Ok(within)
    }
}

/// Function tables of compiled languages have some hundred elements.
const TABLE_MAX: usize = 4096;
