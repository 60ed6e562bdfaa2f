//! One call of one phase: its deadline, its memory, and what a trap means.

use std::sync::Arc;
use std::time::Duration;

use edgeloom_core::fault::Fault;
use edgeloom_core::head::Journal;
use edgeloom_core::limits::{GUEST_TEXT_MAX, HANDED_OVER_MAX};
use edgeloom_core::units::Bytes;
use edgeloom_core::verdict::Verdict;
use wasmtime::component::Resource;
use wasmtime::{ResourceLimiter, Store, Trap};

use crate::bindings::{request_phase, response_phase};
use crate::budget::{self, Budget};
use crate::direct::{DirectInstance, Frozen, Reply, Touched};
use crate::exchange::{CallState, RequestSubject, ResponseSubject};
use crate::filter::{Filter, Terms, verdict_of};
use crate::link::Linked;

/// A live filter in a store.
pub(crate) struct Instance {
    store: Store<CallState>,
    inner: Inner,
    /// Whether it is counted by the pool that it was taken from.
    pub(crate) kept: bool,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one, and boxing it would cost a call"
)]
enum Inner {
    Whole {
        instance: wasmtime::component::Instance,
        request: Option<request_phase::Guest>,
        response: Option<response_phase::Guest>,
    },
    Direct(DirectInstance),
}

impl Inner {
    /// Instantiation runs guest code too: `start` functions, relocations.
    fn new(filter: &Filter, store: &mut Store<CallState>) -> wasmtime::Result<Self> {
        match (&filter.linked, filter.terms.direct()) {
            (Linked::Direct, Some((direct, frozen))) => {
                let made = direct.instantiate(store, frozen)?;
                made.map(Self::Direct).ok_or_else(|| wasmtime::Error::msg("its memory can not be had"))
            }
            (Linked::Whole(whole), _) => {
                store.set_hostcall_fuel(HANDED_OVER_MAX);
                let instance = whole.pre.instantiate(store)?;
                Ok(Self::Whole { instance, request: None, response: None })
            }
            // Only an image that is memory is linked so.
            (Linked::Direct, None) => Err(wasmtime::Error::msg("there is no image")),
        }
    }
}

impl Instance {
    /// A new instance, configured as the image is; the clock of its first call is running.
    pub(crate) fn fresh(filter: &Filter) -> Result<Self, Fault> {
        Self::within(filter, filter.terms.deadline)
    }

    /// A new instance that may take this long to be made.
    pub(crate) fn within(filter: &Filter, deadline: Duration) -> Result<Self, Fault> {
        let state = CallState {
            terms: Arc::clone(&filter.terms),
            limits: Limits::new(filter.terms.memory),
            budget: Budget::new(deadline),
            log_lines: 0,
            guest: None,
            touched: Touched::default(),
            reply: Reply::default(),
            journal: Journal::default(),
            request: Box::default(),
            response: Box::default(),
        };
        let mut store = Store::new(&filter.engine, state);
        store.limiter(|state| &mut state.limits);
        store.epoch_deadline_callback(budget::alarm);
        begin(&mut store);
        match Inner::new(filter, &mut store) {
            Ok(inner) => {
                store.data_mut().limits.comes_to_rest();
                Ok(Self { store, inner, kept: false })
            }
            Err(error) => Err(fault(&error, &store)),
        }
    }

    /// For another call: starts the clock again.
    pub(crate) fn renew(&mut self) {
        begin(&mut self.store);
        let state = self.store.data_mut();
        state.log_lines = 0;
        state.limits.outgrew = false;
    }

    /// Whether its calls have taken more than half of the memory that was left to it when it was made: the next
    /// of a filter that leaks would do better with a new one than to fail with this one.
    pub(crate) fn has_grown(&self) -> bool {
        self.store.data().limits.are_half_used()
    }

    /// Whether it is an instance of this filter.
    pub(crate) fn is_of(&self, terms: &Arc<Terms>) -> bool {
        Arc::ptr_eq(&self.store.data().terms, terms)
    }

    /// Puts the instance back as a fresh one is; `false` where it can not be.
    pub(crate) fn restore(&mut self, image: &Frozen) -> bool {
        match &self.inner {
            Inner::Direct(instance) => instance.restore(&mut self.store, image),
            Inner::Whole { .. } => false,
        }
    }

    /// Makes an instance that was put back into one of another filter of its component; `false` where
    /// it can not be.
    pub(crate) fn become_another(&mut self, terms: &Arc<Terms>, image: &Frozen) -> bool {
        if self.is_of(terms) {
            return true;
        }
        let Inner::Direct(instance) = &self.inner else { return false };
        let state = self.store.data_mut();
        let before = std::mem::replace(&mut state.terms, Arc::clone(terms));
        state.limits = Limits::new(terms.memory);
        state.budget = Budget::new(terms.deadline);
        let Some((_, before)) = before.direct() else { return false };
        instance.become_another(&mut self.store, before, image)
    }

    #[cfg(test)]
    pub(crate) fn with_direct(&mut self, look: impl FnOnce(&DirectInstance, &mut Store<CallState>)) {
        if let Inner::Direct(instance) = &self.inner {
            look(instance, &mut self.store);
        }
    }

    /// Looks every phase up, so that one of another type than the contract's fails before any call.
    pub(crate) fn try_out(&mut self, filter: &Filter) -> Result<(), Fault> {
        let Self { store, inner, .. } = self;
        let tried = match (&filter.linked, inner) {
            (Linked::Whole(whole), Inner::Whole { instance, .. }) => {
                let request =
                    whole.request.as_ref().map(|found| found.load(&mut *store, instance)).transpose();
                let response =
                    whole.response.as_ref().map(|found| found.load(&mut *store, instance)).transpose();
                request.and(response.map(|_| ()))
            }
            // Its phases were looked up when it was made.
            (Linked::Direct | Linked::Whole(_), Inner::Whole { .. } | Inner::Direct(_)) => Ok(()),
        };
        tried.map_err(|error| fault(&error, store))
    }

    /// Shows the request to the guest; `None` where it has no request phase. After a fault, the subject is as
    /// it was before.
    pub(crate) fn on_request(
        &mut self,
        filter: &Filter,
        subject: &mut Box<RequestSubject>,
        lives_on: bool,
    ) -> Result<Option<Verdict>, Fault> {
        std::mem::swap(&mut self.store.data_mut().request, subject);
        let answered = self.call_request(filter, lives_on);
        let state = self.store.data_mut();
        std::mem::swap(&mut state.request, subject);
        match &answered {
            Ok(_) => subject.commit(&mut state.journal),
            Err(_) => subject.rollback(&mut state.journal),
        }
        answered
    }

    fn call_request(&mut self, filter: &Filter, lives_on: bool) -> Result<Option<Verdict>, Fault> {
        let Self { store, inner, .. } = self;
        match (&filter.linked, inner) {
            (Linked::Direct, Inner::Direct(instance)) => instance.on_request(store, lives_on),
            (Linked::Whole(whole), Inner::Whole { instance, request, .. }) => {
                let Some(found) = &whole.request else { return Ok(None) };
                if request.is_none() {
                    let guest = found.load(&mut *store, instance).map_err(|error| fault(&error, store))?;
                    *request = Some(guest);
                }
                let Some(guest) = request else { return Ok(None) };
                match guest.call_on_request(&mut *store, Resource::new_borrow(0)) {
                    Ok(Ok(verdict)) => verdict_of(verdict).map(Some),
                    Ok(Err(reason)) => Err(Fault::Returned(cut(&reason, GUEST_TEXT_MAX))),
                    Err(error) => Err(fault(&error, store)),
                }
            }
            (Linked::Direct, Inner::Whole { .. }) | (Linked::Whole(_), Inner::Direct(_)) => Ok(None),
        }
    }

    /// Shows the response to the guest; `None` where it has no response phase. After a fault, the subject is
    /// as it was before.
    pub(crate) fn on_response(
        &mut self,
        filter: &Filter,
        subject: &mut Box<ResponseSubject>,
        memo: &[u8],
        lives_on: bool,
    ) -> Result<Option<()>, Fault> {
        std::mem::swap(&mut self.store.data_mut().response, subject);
        let done = self.call_response(filter, memo, lives_on);
        let state = self.store.data_mut();
        std::mem::swap(&mut state.response, subject);
        match &done {
            Ok(_) => subject.commit(&mut state.journal),
            Err(_) => subject.rollback(&mut state.journal),
        }
        done
    }

    fn call_response(&mut self, filter: &Filter, memo: &[u8], lives_on: bool) -> Result<Option<()>, Fault> {
        let Self { store, inner, .. } = self;
        match (&filter.linked, inner) {
            (Linked::Direct, Inner::Direct(instance)) => instance.on_response(store, memo, lives_on),
            (Linked::Whole(whole), Inner::Whole { instance, response, .. }) => {
                let Some(found) = &whole.response else { return Ok(None) };
                if response.is_none() {
                    let guest = found.load(&mut *store, instance).map_err(|error| fault(&error, store))?;
                    *response = Some(guest);
                }
                let Some(guest) = response else { return Ok(None) };
                match guest.call_on_response(&mut *store, Resource::new_borrow(0), memo) {
                    Ok(Ok(())) => Ok(Some(())),
                    Ok(Err(reason)) => Err(Fault::Returned(cut(&reason, GUEST_TEXT_MAX))),
                    Err(error) => Err(fault(&error, store)),
                }
            }
            (Linked::Direct, Inner::Whole { .. }) | (Linked::Whole(_), Inner::Direct(_)) => Ok(None),
        }
    }
}

/// Starts the clock of a call.
fn begin(store: &mut Store<CallState>) {
    let state = store.data_mut();
    state.terms.ticker.wind();
    let ticks = state.budget.begin();
    store.set_epoch_deadline(ticks);
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
    Fault::Trapped(cut(&reason, GUEST_TEXT_MAX))
}

/// The beginning of a guest's text, on one line.
pub(crate) fn cut(text: &str, max: usize) -> String {
    let kept = text.get(..text.floor_char_boundary(max)).unwrap_or(text);
    let mut kept = kept.replace(char::is_control, " ");
    if text.len() > max {
        kept.push('…');
    }
    kept
}

/// What one store may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    memory: Bytes,
    outgrew: bool,
    /// Of its largest memory, and what that had when it was made.
    bytes: u64,
    at_rest: u64,
}

impl Limits {
    pub(crate) fn new(memory: Bytes) -> Self {
        Self { memory, outgrew: false, bytes: 0, at_rest: 0 }
    }

    /// What there is now is what its calls start from.
    fn comes_to_rest(&mut self) {
        self.at_rest = self.bytes;
    }

    fn are_half_used(&self) -> bool {
        self.bytes - self.at_rest > self.memory.0.saturating_sub(self.at_rest) / 2
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
        if within {
            self.bytes = self.bytes.max(desired as u64);
        }
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
