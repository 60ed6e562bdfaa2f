//! How many files the system lets the process have open. Every connection is one, and whoever answers what is asked on
//! it is reached by another.

use std::io;
use std::time::{Duration, Instant};

use edgeloom_config::Config;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{DESCRIPTORS_RESERVED, SHORTAGE_TOLD, UPSTREAM_IDLE_MAX};

/// Raises how many there may be to the most that the process may ask for. What most systems begin with, 1024, is for
/// programs that wait by `select`, which can not tell files apart beyond that; ours do not.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        let current = current.map_or_else(|| "any number of".to_owned(), |most| most.to_string());
        tracing::warn!(%error, "the process is left with {current} files that it may have open");
    }
}

/// What should be known where the system does not let the process have as many open as the configuration may take.
pub(crate) fn concern(config: &Config) -> Option<String> {
    // What is not bounded is enough.
    let most = getrlimit(Resource::Nofile).maximum?;
    let need = Need::of(config);
    if need.all() <= most {
        return None;
    }
    let enough = most.saturating_sub(need.beside) / need.of_each;
    let lower = if enough == 0 {
        String::new()
    } else {
        format!(", or lower `limits.connections` to {enough}, for which that is enough")
    };
    Some(format!(
        "`limits.connections` is {}, for which {} files may have to be open at one time, and the system lets the process \
         have {most}: raise that (`LimitNOFILE={}` in a unit of systemd, `ulimit -n` in a shell){lower}",
        need.connections,
        need.all(),
        need.all(),
    ))
}

/// How many files a configuration may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    connections: u64,
    /// For each of them: its own, and the one to whoever answers.
    of_each: u64,
    /// What is open however many connections there are.
    beside: u64,
}

impl Need {
    fn of(config: &Config) -> Self {
        // A time for the whole of an answer, or for its beginning, is kept by a second hold on its connection.
        let is_watched = |cluster: &edgeloom_config::Cluster| {
            let timeouts = &cluster.timeouts;
            timeouts.first_byte.is_some() || timeouts.total.is_some() || cluster.retry.per_try.is_some()
        };
        let idle = UPSTREAM_IDLE_MAX.saturating_mul(config.listeners.len()) as u64;
        Self {
            connections: u64::from(config.limits.connections),
            of_each: 2 + u64::from(config.clusters.iter().any(is_watched)),
            beside: DESCRIPTORS_RESERVED.saturating_add(idle),
        }
    }

    fn all(self) -> u64 {
        self.connections.saturating_mul(self.of_each).saturating_add(self.beside)
    }
}

/// How a listener fares that can not accept. It is told of now and then: whoever comes while there is no room for one
/// more makes the next try fail as well.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    told: Option<Instant>,
    untold: u64,
}

impl Shortage {
    /// One more try has failed: how many have since the log was told, if it is to be told again.
    fn failed(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < SHORTAGE_TOLD) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }

    /// A connection could not be accepted: tells the log, where that has not just been told, and says how long to wait
    /// before the next try.
    pub(crate) fn met(
        &mut self,
        address: &impl std::fmt::Display,
        error: &io::Error,
        pause: Duration,
    ) -> Duration {
        if is_of_one_connection(error) {
            return Duration::ZERO;
        }
        if let Some(tries) = self.failed(Instant::now()) {
            tracing::error!(%address, %error, tries, "connections can not be accepted: {}", remedy(error));
        }
        pause
    }
}

/// Whether something failed because no more files can be opened, by us or by anybody.
pub(crate) fn is_shortage(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| error.source());
    let of_system = |error: &(dyn std::error::Error + 'static)| Errno::from_io_error(error.downcast_ref()?);
    errors.any(|error| matches!(of_system(error), Some(Errno::MFILE | Errno::NFILE)))
}

/// Whether it says nothing about the next one: accept(2) hands on what has befallen a connection meanwhile.
fn is_of_one_connection(error: &io::Error) -> bool {
    let passing = [
        Errno::CONNABORTED,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NONET,
        Errno::INTR,
    ];
    Errno::from_io_error(error).is_some_and(|error| passing.contains(&error))
}

fn remedy(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            "the process has as many files open as it may; somebody has to leave first. Raise that (`LimitNOFILE` in a unit \
             of systemd), or lower `limits.connections`"
        }
        Some(Errno::NFILE) => {
            "the system has as many files open as it may; somebody has to leave first. Raise `fs.file-max`"
        }
        _ => "somebody has to leave first",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_now_and_then() {
        let (mut shortage, begin) = (Shortage::default(), Instant::now());
        let told: Vec<_> =
            (0..30).map(|second| shortage.failed(begin + Duration::from_secs(second))).collect();
        assert_eq!(told.iter().flatten().collect::<Vec<_>>(), [&1]);
        assert_eq!(shortage.failed(begin + SHORTAGE_TOLD), Some(30));
        assert_eq!(shortage.failed(begin + SHORTAGE_TOLD), None);
    }

    #[test]
    fn what_has_befallen_one_connection_keeps_no_other_waiting() {
        let (mut shortage, pause) = (Shortage::default(), Duration::from_millis(100));
        let mut met = |error: Errno| shortage.met(&"here", &error.into(), pause);
        assert_eq!(met(Errno::CONNABORTED), Duration::ZERO);
        for error in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::INVAL] {
            assert_eq!(met(error), pause, "{error}");
        }
    }
}
