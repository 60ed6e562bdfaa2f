//! Two ways to look at the same pieces of work: how long each takes, and how many instructions.
//!
//! The first is what people want to know and differs from run to run. The second hardly does, so a
//! machine can compare it: under `valgrind --tool=callgrind`, which is told to count only what happens
//! inside of [`counted`], and to write down what it has counted each time that ends.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::{Measurement, WallTime};

/// What pieces of work are held against.
pub(crate) enum Gauge {
    Time(Box<Criterion>),
    Count,
}

impl Gauge {
    /// Counts with `--count`, else takes the time as criterion's arguments say.
    pub(crate) fn of_arguments() -> Self {
        if std::env::args().any(|argument| argument == "--count") {
            return Self::Count;
        }
        let criterion = Criterion::default()
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_millis(1500))
            .sample_size(30);
        Self::Time(Box::new(criterion.configure_from_args()))
    }

    /// Whether time is taken, and nothing counted.
    #[allow(dead_code, reason = "not every benchmark that shares this file has a use for it")]
    pub(crate) fn takes_time(&self) -> bool {
        matches!(self, Self::Time(_))
    }

    /// Work that finds the same things each time.
    pub(crate) fn again<R>(&mut self, name: &str, mut run: impl FnMut() -> R) {
        self.each(name, 1, || (), |()| run());
    }

    /// Work on something that is made for it, and not measured.
    pub(crate) fn on<S, R>(&mut self, name: &str, make: impl FnMut() -> S, run: impl FnMut(&mut S) -> R) {
        self.each(name, 1, make, run);
    }

    /// As [`Gauge::on`], where one run does the same work so many times: the cost of one is told.
    pub(crate) fn each<S, R>(
        &mut self,
        name: &str,
        times: u32,
        make: impl FnMut() -> S,
        run: impl FnMut(&mut S) -> R,
    ) {
        match self {
            Self::Time(criterion) => time(criterion, name, times, BATCH, make, run),
            Self::Count => count(name, times, RUNS, make, run),
        }
    }

    /// As [`Gauge::on`], for what takes long or is large.
    #[allow(dead_code, reason = "not every benchmark that shares this file has a use for it")]
    pub(crate) fn seldom<S, R>(&mut self, name: &str, make: impl FnMut() -> S, run: impl FnMut(&mut S) -> R) {
        match self {
            Self::Time(criterion) => time(criterion, name, 1, 1, make, run),
            Self::Count => count(name, 1, RUNS_SELDOM, make, run),
        }
    }

    pub(crate) fn finish(self) {
        match self {
            Self::Time(criterion) => criterion.final_summary(),
            Self::Count => control(),
        }
    }
}

fn time<S, R>(
    criterion: &mut Criterion,
    name: &str,
    times: u32,
    batch: u64,
    mut make: impl FnMut() -> S,
    mut run: impl FnMut(&mut S) -> R,
) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = WallTime.zero();
            let mut left = iterations;
            while left > 0 {
                let now = left.min(batch);
                left -= now;
                let mut made: Vec<S> = (0..now).map(|_| make()).collect();
                let begun = WallTime.start();
                for subject in &mut made {
                    black_box(run(black_box(subject)));
                }
                spent += WallTime.end(begun);
            }
            spent / times
        });
    });
}

fn count<S, R>(
    name: &str,
    times: u32,
    runs: u32,
    mut make: impl FnMut() -> S,
    mut run: impl FnMut(&mut S) -> R,
) {
    // What only the first run pays is somebody else's.
    black_box(run(&mut make()));
    let mut made: Vec<S> = (0..runs).map(|_| make()).collect();
    counted(&mut || {
        for subject in &mut made {
            black_box(run(black_box(subject)));
        }
    });
    say(name, runs * times);
}

/// The same work and a tenth more of it: were the counts of these alike, they would tell nothing of
/// the others either. xtask holds them against each other.
fn control() {
    let sum = |numbers: &mut u64| (0..*numbers).fold(0, |sum, number| black_box(sum + number));
    count("control/the same work", 1, RUNS, || 1000, sum);
    count("control/a tenth more of it", 1, RUNS, || 1100, sum);
}

/// The whole of what is counted. Its name is known to xtask.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// One line for each time that [`counted`] has ended, in the same order.
#[allow(clippy::print_stdout, reason = "xtask reads it")]
fn say(name: &str, times: u32) {
    println!("counted\t{times}\t{name}");
}

/// How many are made at once: reading the clock must not weigh.
const BATCH: u64 = 64;

/// How many runs are counted together: maps hash differently in every process, and this evens it out.
const RUNS: u32 = 128;
const RUNS_SELDOM: u32 = 2;
