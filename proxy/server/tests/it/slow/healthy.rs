//! What clients notice of others, told apart from what they notice of the machine.
//!
//! On two cores, with compilers and other tests beside, anybody may be kept waiting for a while by the system alone. So the
//! same thread asks the origin itself in turn with the edge: what that takes longer than usual is nobody's doing here. And
//! how much of the machine others had is looked at: where they had next to none of it, there is no excuse; else there are
//! a few more tries, of which one has to be good.

use std::fs;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use edgeloom_testbed::Edge;

/// What 99 of 100 healthy requests may take longer by way of the edge than without it.
const MOST: Duration = Duration::from_millis(100);

/// Fewer requests than these say nothing of a hundredth of them.
const LEAST: usize = 100;

/// The share of the machine that others may have had where there is no excuse.
const QUIET: f64 = 0.05;

/// On a busy machine.
const TRIES: usize = 5;

/// How healthy requests fared for a while.
pub(super) struct Healthy {
    requests: usize,
    p99: Duration,
    p99_directly: Duration,
    /// What share of the machine others had meanwhile.
    others: f64,
}

/// At least so many storms, each of which says how healthy requests fared in it.
#[track_caller]
pub(super) fn keeps_nobody_waiting(least: usize, mut storm: impl FnMut() -> Healthy) {
    let mut good = false;
    for number in 1..=TRIES {
        let healthy = storm();
        let Healthy { requests, p99, p99_directly, others } = healthy;
        let fared = format!(
            "of {requests} requests, p99 {p99:?} by way of the edge, {p99_directly:?} without it; others had {others:.2}"
        );
        println!("storm {number}: {fared}");
        assert!(healthy.is_good() || others > QUIET, "{fared}");
        good |= healthy.is_good();
        if good && number >= least {
            return;
        }
    }
    panic!("none of {TRIES} tries was good");
}

impl Healthy {
    /// Asks by way of the edge and without it, in turn, until then.
    pub(super) fn beside(edge: &Edge, until: Instant, ask: impl Fn(), ask_directly: impl Fn()) -> Self {
        let (mut took, mut took_directly) = (Vec::new(), Vec::new());
        let machine = Machine::beside(edge);
        while Instant::now() < until {
            for (ask, took) in [(&ask as &dyn Fn(), &mut took), (&ask_directly, &mut took_directly)] {
                let asked = Instant::now();
                ask();
                took.push(asked.elapsed());
            }
        }
        let requests = took.len();
        let [p99, p99_directly] = [took, took_directly].map(p99);
        Self { requests, p99, p99_directly, others: machine.share_of_others(edge) }
    }

    fn is_good(&self) -> bool {
        self.requests >= LEAST && self.p99 < self.p99_directly + MOST
    }
}

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// Processor time from some moment on.
struct Machine {
    began: Instant,
    all: Duration,
    ours: Duration,
}

impl Machine {
    fn beside(edge: &Edge) -> Self {
        Self { began: Instant::now(), all: busy(), ours: ours(edge) }
    }

    /// Of all that there was of it, what neither the edge nor this process has used.
    fn share_of_others(&self, edge: &Edge) -> f64 {
        let used = busy().saturating_sub(self.all).saturating_sub(ours(edge).saturating_sub(self.ours));
        let cores = std::thread::available_parallelism().unwrap().get();
        used.as_secs_f64() / (self.began.elapsed().as_secs_f64() * cores as f64)
    }
}

fn ours(edge: &Edge) -> Duration {
    edge.cpu().unwrap() + ProcessTime::now().as_duration()
}

/// Processor time that anybody has used since the machine started: the first line of /proc/stat, without what was idle.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<u64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft, stolen, ..] = ticks[..] else {
        panic!("{stat}")
    };
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_millis((user + nice + system + interrupts + soft + stolen) * 1000 / per_second)
}
