//! An image linked with its grants, limits and fault policy: ready to be called.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes as Body;
use edgeloom_core::digest::Digest;
use edgeloom_core::fault::{Fault, OnFault};
use edgeloom_core::head::{Edit, Headers, final_status};
use edgeloom_core::limits::{ANSWER_BODY_MAX, GUEST_TEXT_MAX, MEMO_MAX, REUSE_MAX};
use edgeloom_core::units::Bytes;
use edgeloom_core::verdict::{Answer, Verdict};
use wasmtime::Engine;

use crate::bindings::request_phase;
use crate::call::{Instance, cut};
use crate::configure::Image;
use crate::exchange::{RequestSubject, ResponseSubject};
use crate::grants::Grants;
use crate::link::Linked;
use crate::ticker::Ticker;

/// Ready to be called, by any number of threads.
pub struct Filter {
    pub(crate) name: Arc<str>,
    pub(crate) image: Arc<Image>,
    pub(crate) engine: Engine,
    pub(crate) linked: Linked,
    pub(crate) grants: Arc<Grants>,
    pub(crate) deadline: Duration,
    pub(crate) memory: Bytes,
    pub(crate) on_fault: OnFault,
    pub(crate) instances: Instances,
    pub(crate) idle: Mutex<Vec<Instance>>,
    /// Idle instances of all filters together, and how many there may be.
    pub(crate) slots: Arc<Slots>,
    /// Deadlines are kept for as long as there is a filter to call.
    pub(crate) _ticker: Arc<Ticker>,
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Instances {
    /// For one call: nothing that a call does can be seen by the next. (Where nothing but its memory
    /// can change, an instance is put back as it was instead of being made anew.)
    #[default]
    Fresh,
    /// For as many calls as it takes without a fault; at most so many wait idle.
    Reuse(u32),
}

/// The phases that a filter exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    pub request: bool,
    pub response: bool,
}

/// Warm instances hold places of the pool that fresh ones need.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) idle: AtomicU32,
    pub(crate) idle_max: u32,
}

impl Filter {
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn phases(&self) -> Phases {
        self.image.component.module.phases
    }

    /// Of the module's file.
    pub fn digest(&self) -> Digest {
        self.image.component.module.digest
    }

    /// Of the module's file.
    pub fn module_size(&self) -> Bytes {
        self.image.component.module.size
    }

    pub fn on_fault(&self) -> OnFault {
        self.on_fault
    }

    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    pub fn memory(&self) -> Bytes {
        self.memory
    }

    pub fn instances(&self) -> Instances {
        self.instances
    }

    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Shows the request to the filter. Proceeds, without a memo, where the
    /// filter has no request phase.
    ///
    /// # Errors
    ///
    /// A fault, after which the subject is as it was before the call.
    pub fn on_request(&self, subject: &mut RequestSubject) -> Result<Verdict, Fault> {
        let mut instance = self.instance()?;
        let verdict = instance.on_request(self, subject, self.lives_on());
        match &verdict {
            Ok(_) => subject.commit(),
            Err(_) => subject.rollback(),
        }
        self.put_back(instance, verdict.as_ref().err());
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Proceed(Vec::new())))
    }

    /// Shows the response to the filter, with the memo of its request phase.
    ///
    /// # Errors
    ///
    /// A fault, after which the subject is as it was before the call.
    pub fn on_response(&self, subject: &mut ResponseSubject, memo: &[u8]) -> Result<(), Fault> {
        let mut instance = self.instance()?;
        let done = instance.on_response(self, subject, memo, self.lives_on());
        match &done {
            Ok(_) => subject.commit(),
            Err(_) => subject.rollback(),
        }
        self.put_back(instance, done.as_ref().err());
        done.map(|_| ())
    }

    /// Whether an instance may see another call.
    fn lives_on(&self) -> bool {
        matches!(self.instances, Instances::Reuse(_))
    }

    /// An instance that waits idle, as warm or as fresh as the operator wants them, or else a new one.
    fn instance(&self) -> Result<Instance, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut instance) = idle else { return Instance::fresh(self) };
        self.slots.idle.fetch_sub(1, Ordering::Relaxed);
        instance.renew();
        Ok(instance)
    }

    /// Keeps the instance for another call, unless this one ended it.
    fn put_back(&self, mut instance: Instance, fault: Option<&Fault>) {
        // An error that the guest returned is the only fault that leaves its instance whole.
        if !matches!(fault, None | Some(Fault::Returned(_))) {
            return;
        }
        let most = match self.instances {
            Instances::Reuse(most) => most,
            Instances::Fresh if instance.restore(self) => REUSE_MAX,
            Instances::Fresh => return,
        };
        if self.slots.idle.fetch_add(1, Ordering::Relaxed) < self.slots.idle_max {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < most as usize {
                idle.push(instance);
                return;
            }
        }
        self.slots.idle.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).len();
        self.slots.idle.fetch_sub(u32::try_from(idle).unwrap_or(0), Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({}, {})", self.name, self.digest())
    }
}

/// A guest's verdict, held against the limits and the rules of HTTP.
pub(crate) fn verdict_of(verdict: request_phase::Verdict) -> Result<Verdict, Fault> {
    match verdict {
        request_phase::Verdict::Proceed(memo) if memo.len() > MEMO_MAX => Err(too_large("memo", MEMO_MAX)),
        request_phase::Verdict::Proceed(memo) => Ok(Verdict::Proceed(memo)),
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
    let mut headers = Headers::default();
    for (position, line) in lines.enumerate() {
        headers.edit(&line).map_err(|refusal| {
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
