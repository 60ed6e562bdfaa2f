//! What a phase returns, read where it lies: `result<verdict, string>` and `result<_, string>`.

use edgeloom_core::fault::Fault;
use edgeloom_core::head::Edit;
use edgeloom_core::limits::{ANSWER_BODY_MAX, GUEST_TEXT_MAX, HEAD_LINES_MAX, MEMO_MAX};
use edgeloom_core::verdict::Verdict;

use super::memory::{Lie, View, after};
use super::reply::LINE;
use crate::call::cut;
use crate::filter::{answer, too_large};

/// `result<verdict, string>`: the case at 0, the payload at 4; of a verdict its case at 0, its payload at 4.
pub(super) fn request(memory: View<'_>, at: i32) -> Result<Verdict, Fault> {
    match memory.byte(at).map_err(trapped)? {
        0 => verdict(memory, after(at, 4)),
        1 => Err(returned(memory, after(at, 4))),
        _ => Err(trapped(Lie::NoSuchCase)),
    }
}

/// `result<_, string>`.
pub(super) fn response(memory: View<'_>, at: i32) -> Result<(), Fault> {
    match memory.byte(at).map_err(trapped)? {
        0 => Ok(()),
        1 => Err(returned(memory, after(at, 4))),
        _ => Err(trapped(Lie::NoSuchCase)),
    }
}

fn verdict(memory: View<'_>, at: i32) -> Result<Verdict, Fault> {
    let payload = after(at, 4);
    match memory.byte(at).map_err(trapped)? {
        0 => {
            let memo = memory.list(payload).map_err(trapped)?;
            if memo.len() > MEMO_MAX {
                return Err(too_large("memo", MEMO_MAX));
            }
            Ok(Verdict::Proceed(memo.to_vec()))
        }
        1 => answered(memory, payload).map(Verdict::Answer),
        2 => Ok(Verdict::Done),
        _ => Err(trapped(Lie::NoSuchCase)),
    }
}

/// `answer`: the status at 0, headers at 4, the body at 12.
fn answered(memory: View<'_>, at: i32) -> Result<edgeloom_core::verdict::Answer, Fault> {
    let status = memory.half(at).map_err(trapped)?;
    let count = memory.word(after(at, 8)).map_err(trapped)?;
    let lines = memory.word(after(at, 4)).and_then(|lines| memory.elements(lines, count, LINE.into()));
    let body = memory.list(after(at, 12)).map_err(trapped)?;
    if body.len() > ANSWER_BODY_MAX {
        return Err(too_large("answer's body", ANSWER_BODY_MAX));
    }
    let lines = lines.map_err(trapped)?.take(HEAD_LINES_MAX + 1);
    let edits = lines.map(|line| Ok(Edit::Add(memory.string(line)?, memory.list(after(line, 8))?)));
    let edits: Vec<Edit<'_>> = edits.collect::<Result<_, Lie>>().map_err(trapped)?;
    answer(status, edits.into_iter(), body)
}

fn returned(memory: View<'_>, at: i32) -> Fault {
    match memory.string(at) {
        Ok(reason) => Fault::Returned(cut(reason, GUEST_TEXT_MAX)),
        Err(lie) => trapped(lie),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn trapped(lie: Lie) -> Fault {
    Fault::Trapped(format!("it handed over {lie}"))
}
