//! What a process and its descendants cost, as the kernel counts it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::{Process, all_processes};

/// A process with all that it has started: nginx serves in children, others in threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    root: i32,
}

impl Tree {
    pub(crate) fn of(root: u32) -> Result<Self> {
        Ok(Self { root: i32::try_from(root).context("a process has no such number")? })
    }

    /// Processor time of all its threads so far, in user and in system mode.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let ticks: u64 = self.added(|process| {
            let stat = process.stat()?;
            Ok(stat.utime + stat.stime)
        })?;
        Ok(Duration::from_micros(ticks.saturating_mul(1_000_000) / procfs::ticks_per_second().max(1)))
    }

    /// Its memory in RAM, in bytes; what it shares with others counts in proportion.
    pub(crate) fn memory(self) -> Result<u64> {
        self.added(|process| {
            let maps = process.smaps_rollup()?.memory_map_rollup;
            Ok(maps.iter().filter_map(|map| map.extension.map.get("Pss")).sum())
        })
    }

    /// The most memory that it has had in RAM at once, in bytes; shared pages count for each process.
    pub(crate) fn peak_memory(self) -> Result<u64> {
        self.added(|process| Ok(process.status()?.vmhwm.unwrap_or_default() * 1024))
    }

    fn added(self, of: impl Fn(&Process) -> Result<u64>) -> Result<u64> {
        let mut sum = 0;
        for pid in self.members()? {
            let counted = Process::new(pid).map_err(Into::into).and_then(|process| of(&process));
            match counted {
                Ok(count) => sum += count,
                // Whoever started something short-lived is still there.
                Err(_ended) if pid != self.root => {}
                Err(error) => return Err(error).context("a contender has ended while it was measured"),
            }
        }
        Ok(sum)
    }

    fn members(self) -> Result<BTreeSet<i32>> {
        let parents: Vec<_> = all_processes()
            .context("/proc can not be read")?
            .filter_map(|process| process.ok()?.stat().ok())
            .map(|stat| (stat.pid, stat.ppid))
            .collect();
        Ok(descendants(self.root, &parents))
    }
}

/// Itself, its children, and theirs.
fn descendants(root: i32, parents: &[(i32, i32)]) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([root]);
    loop {
        let known = found.len();
        let children = parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(child, _)| *child);
        found.extend(children.collect::<Vec<_>>());
        if found.len() == known {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn descendants_are_found_in_whatever_order_they_are_listed() {
        let parents = [(9, 8), (1, 0), (8, 7), (7, 1), (5, 1), (6, 5)];
        assert_eq!(descendants(7, &parents), BTreeSet::from([7, 8, 9]));
        assert_eq!(descendants(9, &parents), BTreeSet::from([9]));
    }

    #[test]
    fn this_very_process_costs_something_and_its_children_count() {
        let own = Tree::of(std::process::id()).unwrap();
        let before = own.cpu().unwrap();
        while own.cpu().unwrap() == before {
            std::hint::black_box((0..100_000).sum::<u64>());
        }
        assert!(own.memory().unwrap() > 1 << 16);
        assert!(own.peak_memory().unwrap() > 1 << 20);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        assert!(own.members().unwrap().contains(&id));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn who_has_ended_costs_an_error() {
        let mut child = Command::new("true").spawn().unwrap();
        let tree = Tree::of(child.id()).unwrap();
        child.wait().unwrap();
        assert!(tree.cpu().unwrap_err().to_string().contains("has ended"));
    }
}
