//! Work that may wait: building generations, and ending them, while others answer requests.

use std::panic::resume_unwind;
use std::thread;

use rustix::process::setpriority_process;

/// Makes this thread, and those that it begins from now on, step back where a worker wants the processor.
///
/// Where the system does not let it, everything is as without.
pub(crate) fn step_back() {
    // Of Linux, no process is the thread that asks, and not all of its process.
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::debug!(%error, "generations are built with the priority of workers");
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

/// A tenth of a worker's share, and enough to be interrupted by it at once.
const NICE: i32 = 10;

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn only_its_own_thread_and_those_from_it_step_back() {
        let before = getpriority_process(None).unwrap();
        let (own, begun) = run(|| {
            let begun = thread::spawn(|| getpriority_process(None).unwrap());
            (getpriority_process(None).unwrap(), begun.join().unwrap())
        });
        assert_eq!((own, begun), (NICE, NICE));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
