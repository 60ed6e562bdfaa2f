//! Who has which key, so that little moves when somebody comes or goes.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998): of every key, everybody has a score, and the highest has it. Who
//! goes leaves their keys to others and moves no other; who comes takes keys and moves none between others. Weights are
//! those of the logarithmic method (Schindelhauer and Schomaker, 2005). A score for each is too dear for each request,
//! so keys are sorted into slots, and who has a slot is worked out once.

use super::Member;
use crate::hash::mix;
use crate::limits::SLOTS;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slots(Box<[Option<u16>]>);

impl Slots {
    pub(super) fn new(members: &[Member]) -> Self {
        let slots = 0..SLOTS as u64;
        let owner = |slot| u16::try_from(best(members, slot, |_| true)?).ok();
        Self(slots.map(owner).collect())
    }

    /// Who has the key and, where they do not `want` it, whose it would be without those.
    pub(super) fn pick(&self, members: &[Member], key: u64, want: impl Fn(usize) -> bool) -> Option<usize> {
        let slot = mix(key) % SLOTS as u64;
        let owner = usize::from((*self.0.get(usize::try_from(slot).ok()?)?)?);
        if want(owner) { Some(owner) } else { best(members, slot, want) }
    }
}

/// Who has the highest score of a slot, of those who `want` it.
fn best(members: &[Member], slot: u64, want: impl Fn(usize) -> bool) -> Option<usize> {
    let salt = mix(slot.wrapping_add(1));
    let rivals = members.iter().enumerate().filter(|(at, member)| member.weight > 0 && want(*at));
    let scored = rivals.map(|(at, member)| (at, score(member, salt)));
    scored.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)
}

fn score(member: &Member, salt: u64) -> f64 {
    // 52 bits are what a float has; the half keeps it off 0, whose logarithm is no number, and off 1.
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    let uniform = ((mix(member.identity ^ salt) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    f64::from(member.weight) / -uniform.ln()
}
