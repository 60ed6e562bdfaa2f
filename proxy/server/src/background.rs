//! Work that may wait: building generations, and ending them, while others answer requests.

use std::panic::resume_unwind;
use std::{io, thread};

use rustix::process::setpriority_process;

/// Makes this thread, and those that it begins from now on, step back where a worker wants the processor.
///
/// Where the system does not let it, everything is as without.
pub(crate) fn step_back() {
    // Of Linux, no process is the thread that asks, and not all of its process.
    let back = set_slice().or_else(|_refused| setpriority_process(None, NICE).map_err(io::Error::from));
    if let Err(error) = back {
        tracing::debug!(%error, "generations are built with the priority of workers");
    }
}

/// Sets the priority, and how long a turn is; before 6.12, Linux takes the first and passes over the second.
#[expect(unsafe_code, reason = "a system call that no crate around it has; it reads what it is given")]
fn set_slice() -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default(),
        sched_policy: libc::SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: NICE,
        sched_priority: 0,
        sched_runtime: SLICE,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: it points at a whole structure of this size, and the call keeps nothing of it.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Does this on such a thread, and waits for it.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let working = || {
        step_back();
        work()
    };
    thread::scope(|scope| scope.spawn(working).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// A twentieth of a worker's share: with more, those who wake wait longer, and with less, no shorter.
const NICE: i32 = 13;

/// How long, in nanoseconds, it keeps the processor from a worker that has woken: the shortest that Linux gives. Its own
/// are more than a millisecond whatever the priority, and end at a tick of the clock if nobody else wakes.
const SLICE: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_thread_and_those_from_it_step_back() {
        let before = here();
        let (own, begun) = run(|| (here(), thread::spawn(here).join().unwrap()));
        assert_eq!(own, begun);
        assert_eq!(own.0, NICE);
        // Where Linux has such turns.
        assert!([SLICE, 0].contains(&own.1), "a turn of {} ns", own.1);
        assert_eq!(here(), before);
    }

    /// The priority and the turn of this thread.
    #[expect(unsafe_code, reason = "a system call that no crate around it has")]
    fn here() -> (i32, u64) {
        // SAFETY: all of it are numbers.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::sched_attr>();
        // SAFETY: the call writes no more than this size.
        let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        assert_eq!(got, 0, "{}", io::Error::last_os_error());
        (attributes.sched_nice, attributes.sched_runtime)
    }
}
