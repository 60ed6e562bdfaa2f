//! An image linked with its grants, limits and fault policy: ready to be called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes as Body;
use edgeloom_core::digest::Digest;
use edgeloom_core::fault::{Fault, OnFault};
use edgeloom_core::head::{Edit, Headers, Journal, final_status};
use edgeloom_core::limits::{ANSWER_BODY_MAX, GUEST_TEXT_MAX, MEMO_MAX};
use edgeloom_core::units::Bytes;
use edgeloom_core::verdict::{Answer, Verdict};
use wasmtime::Engine;

use crate::bindings::request_phase;
use crate::call::{Instance, cut};
use crate::compile::Code;
use crate::configure::{Image, State};
use crate::direct::{Direct, Frozen};
use crate::exchange::{RequestSubject, ResponseSubject};
use crate::grants::Grants;
use crate::link::Linked;
use crate::pool::Pool;
use crate::ticker::Ticker;

/// Ready to be called, by any number of threads.
pub struct Filter {
    pub(crate) terms: Arc<Terms>,
    pub(crate) engine: Engine,
    pub(crate) linked: Linked,
    pub(crate) on_fault: OnFault,
    pub(crate) instances: Instances,
    /// Instances that live for more than a call.
    pub(crate) warm: Pool,
    pub(crate) made: AtomicU64,
}

/// What an instance has to keep to while it is this filter's.
pub(crate) struct Terms {
    pub(crate) name: Arc<str>,
    pub(crate) image: Arc<Image>,
    pub(crate) grants: Grants,
    pub(crate) deadline: Duration,
    pub(crate) memory: Bytes,
    /// Deadlines are kept for as long as there is a filter to call.
    pub(crate) ticker: Arc<Ticker>,
}

impl Terms {
    /// The code and the memory, where the guest is driven directly.
    pub(crate) fn direct(&self) -> Option<(&Direct, &Frozen)> {
        match (&self.image.component.code, &self.image.state) {
            (Code::Direct(direct), State::Frozen(frozen)) => Some((direct, frozen)),
            (Code::Direct(_) | Code::Whole(_), State::Frozen(_) | State::Compiled(_)) => None,
        }
    }
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Instances {
    /// For one call: nothing that a call does can be seen by the next. (Where nothing but its memory
    /// can change, an instance is put back as it was instead of being made anew.)
    #[default]
    Fresh,
    /// For as many calls as it takes without a fault, or without more than half of the memory that it may have
    /// beyond what it started with; at most so many wait idle.
    Reuse(u32),
}

/// The phases that a filter exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    pub request: bool,
    pub response: bool,
}

impl Filter {
    pub fn name(&self) -> &Arc<str> {
        &self.terms.name
    }

    pub fn phases(&self) -> Phases {
        self.terms.image.component.module.phases
    }

    /// Of the module's file.
    pub fn digest(&self) -> Digest {
        self.terms.image.component.module.digest
    }

    /// Of the module's file.
    pub fn module_size(&self) -> Bytes {
        self.terms.image.component.module.size
    }

    pub fn on_fault(&self) -> OnFault {
        self.on_fault
    }

    pub fn deadline(&self) -> Duration {
        self.terms.deadline
    }

    pub fn memory(&self) -> Bytes {
        self.terms.memory
    }

    pub fn instances(&self) -> Instances {
        self.instances
    }

    /// What this filter's settings cost in memory, beside what all filters of its module share; none
    /// where its code was compiled for it alone.
    pub fn settings_memory(&self) -> Option<Bytes> {
        self.terms.direct().map(|(_, frozen)| Bytes(frozen.own_bytes() as u64))
    }

    /// How often a call needed a new instance: where they are put back, few of the calls do.
    pub fn instances_made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub fn grants(&self) -> &Grants {
        &self.terms.grants
    }

    /// Shows the request to the filter. Proceeds, without a memo, where the
    /// filter has no request phase.
    ///
    /// # Errors
    ///
    /// A fault, after which the subject is as it was before the call.
    pub fn on_request(&self, subject: &mut Box<RequestSubject>) -> Result<Verdict, Fault> {
        let mut instance = self.instance()?;
        let verdict = instance.on_request(self, subject, self.lives_on());
        self.put_back(instance, verdict.as_ref().err());
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Proceed(Vec::new())))
    }

    /// Shows the response to the filter, with the memo of its request phase.
    ///
    /// # Errors
    ///
    /// A fault, after which the subject is as it was before the call.
    pub fn on_response(&self, subject: &mut Box<ResponseSubject>, memo: &[u8]) -> Result<(), Fault> {
        let mut instance = self.instance()?;
        let done = instance.on_response(self, subject, memo, self.lives_on());
        self.put_back(instance, done.as_ref().err());
        done.map(|_| ())
    }

    /// Whether an instance may see another call.
    fn lives_on(&self) -> bool {
        matches!(self.instances, Instances::Reuse(_))
    }

    /// An instance that waits, as warm or as fresh as the operator wants them, or else a new one.
    fn instance(&self) -> Result<Box<Instance>, Fault> {
        let waiting = match (self.instances, self.terms.direct()) {
            (Instances::Reuse(_), _) => self.warm.take(),
            (Instances::Fresh, Some((direct, frozen))) => {
                let waiting = direct.pool.take_the(|instance| instance.is_of(&self.terms));
                waiting.and_then(|mut instance| {
                    if instance.become_another(&self.terms, frozen) {
                        return Some(instance);
                    }
                    direct.pool.end(instance);
                    None
                })
            }
            (Instances::Fresh, None) => None,
        };
        match waiting {
            Some(mut instance) => {
                instance.renew();
                Ok(instance)
            }
            None => {
                self.made.fetch_add(1, Ordering::Relaxed);
                Instance::fresh(self).map(Box::new)
            }
        }
    }

    /// Keeps the instance for another call, unless this one ended it.
    fn put_back(&self, mut instance: Box<Instance>, fault: Option<&Fault>) {
        // An error that the guest returned is the only fault that leaves its instance whole.
        let is_whole = matches!(fault, None | Some(Fault::Returned(_)));
        match (self.instances, self.terms.direct()) {
            (Instances::Reuse(_), _) if is_whole && !instance.has_grown() => self.warm.put_back(instance),
            (Instances::Reuse(_), _) => self.warm.end(instance),
            (Instances::Fresh, Some((direct, frozen))) => {
                if is_whole && instance.restore(frozen) {
                    direct.pool.put_back(instance);
                } else {
                    direct.pool.end(instance);
                }
            }
            (Instances::Fresh, None) => {}
        }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // They would keep what the filter was granted, such as a geo database.
        if let Some((direct, _)) = self.terms.direct() {
            direct.pool.end_all(|instance| instance.is_of(&self.terms));
        }
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({}, {})", self.terms.name, self.digest())
    }
}

/// A guest's verdict, held against the limits and the rules of HTTP.
pub(crate) fn verdict_of(verdict: request_phase::Verdict) -> Result<Verdict, Fault> {
    match verdict {
        request_phase::Verdict::Proceed(memo) if memo.len() > MEMO_MAX => Err(too_large("memo", MEMO_MAX)),
        request_phase::Verdict::Proceed(memo) => Ok(Verdict::Proceed(memo)),
        request_phase::Verdict::Done => Ok(Verdict::Done),
        request_phase::Verdict::Answer(given) => {
            let lines = given.headers.iter().map(|line| Edit::Add(&line.name, &line.value));
            answer(given.status, lines, &given.body).map(Verdict::Answer)
        }
    }
}

/// An answer of a guest, if HTTP has such a one.
pub(crate) fn answer<'a>(
    status: u16,
    lines: impl Iterator<Item = Edit<'a>>,
    body: &[u8],
) -> Result<Answer, Fault> {
    if body.len() > ANSWER_BODY_MAX {
        return Err(too_large("answer's body", ANSWER_BODY_MAX));
    }
    let status = final_status(status).map_err(|_refusal| {
        Fault::Returned(format!("the answer's status {status} is not from 200 to 599"))
    })?;
    let (mut headers, mut journal) = (Headers::default(), Journal::default());
    for (position, line) in lines.enumerate() {
        headers.edit(&line, &mut journal).map_err(|refusal| {
            Fault::Returned(cut(
                &format!("header {} of the answer is refused: {refusal}", position + 1),
                GUEST_TEXT_MAX,
            ))
        })?;
    }
    Ok(Answer { status, headers: headers.into_map(), body: Body::copy_from_slice(body) })
}

pub(crate) fn too_large(what: &str, limit: usize) -> Fault {
    Fault::Outgrew(format!("its {what} is more than {}", Bytes(limit as u64)))
}
