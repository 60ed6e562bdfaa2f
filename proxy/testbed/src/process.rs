//! What a process costs, as the kernel counts it.

use std::fs;
use std::io;
use std::time::Duration;

/// Processor time of all its threads so far, in user and in system mode.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let ticks = ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?).ok_or_else(unreadable)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_micros(ticks.saturating_mul(1_000_000) / per_second))
}

/// The most memory that it has had in RAM at once, in bytes.
pub(crate) fn peak_memory(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    high_water(&status).ok_or_else(unreadable)
}

/// `utime` and `stime`, fields 14 and 15. Field 2 is a name in parentheses and
/// may itself hold blanks and parentheses, so we count from its end.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "/proc does not look as proc(5) says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_may_look_like_its_fields() {
        let stat = "7 (a) R 1 (b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn this_very_process_costs_something() {
        let own = std::process::id();
        let before = cpu(own).unwrap();
        while cpu(own).unwrap() == before {
            std::hint::black_box((0..100_000).sum::<u64>());
        }
        assert!(peak_memory(own).unwrap() > 1 << 20);
    }
}
