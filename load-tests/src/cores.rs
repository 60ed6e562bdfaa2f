//! Who runs on which core.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that we may use, shared out: a contender alone on the first, load and origins on the rest.
///
/// Where there is only one, everybody is on it, and the report says so.
#[derive(Clone)]
pub(crate) struct Cores {
    own: Vec<usize>,
}

/// Where a contender runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// On a core that nobody else is on.
    Alone,
    /// On every core, with load and origins: what has more threads at work than one.
    Everywhere,
}

impl Cores {
    /// Moves this process, and all that it starts from now on, off the contender's core.
    pub(crate) fn share_out() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let cores = Self { own: (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect() };
        sched_setaffinity(None, &set(cores.of_load()))?;
        Ok(cores)
    }

    pub(crate) fn count(&self) -> usize {
        self.own.len()
    }

    /// The contender's, if it can have one of its own.
    pub(crate) fn alone(&self) -> Option<usize> {
        match &*self.own {
            [first, _, ..] => Some(*first),
            _ => None,
        }
    }

    /// Does something as if we were where the contender is: processes that are started there stay there.
    pub(crate) fn on<T>(&self, place: Seat, act: impl FnOnce() -> T) -> io::Result<T> {
        let cores = match (place, self.alone()) {
            (Seat::Alone, Some(core)) => vec![core],
            (Seat::Alone, None) | (Seat::Everywhere, _) => self.own.clone(),
        };
        sched_setaffinity(None, &set(&cores))?;
        let done = act();
        sched_setaffinity(None, &set(self.of_load()))?;
        Ok(done)
    }

    fn of_load(&self) -> &[usize] {
        match &*self.own {
            [_, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        }
    }
}

fn set(cores: &[usize]) -> CpuSet {
    cores.iter().fold(CpuSet::new(), |mut set, core| {
        set.set(*core);
        set
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_is_alone_where_there_are_two_cores() {
        let two = Cores { own: vec![3, 5] };
        assert_eq!((two.alone(), two.of_load()), (Some(3), &[5][..]));
        let one = Cores { own: vec![3] };
        assert_eq!((one.alone(), one.of_load()), (None, &[3][..]));
    }

    #[test]
    fn who_acts_for_a_contender_comes_back() {
        // In a thread: only its own cores are changed.
        let seen = std::thread::spawn(|| {
            let cores = Cores::share_out().unwrap();
            let before = sched_getaffinity(None).unwrap();
            let there = cores.on(Seat::Alone, || sched_getaffinity(None).unwrap()).unwrap();
            assert_eq!(sched_getaffinity(None).unwrap(), before);
            assert_eq!(there.count(), if cores.count() > 1 { 1 } else { before.count() });
            (cores.count() > 1, there == before)
        });
        let (has_two, is_shared) = seen.join().unwrap();
        assert_ne!(has_two, is_shared);
    }
}
