//! What a process says, line by line, and waiting for it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A stream of lines, read to its end in a thread of its own.
///
/// The last ones are kept, as many as `KEPT` says: a load test writes millions.
#[derive(Clone)]
pub struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    said: Mutex<Said>,
    news: Condvar,
}

#[derive(Default)]
struct Said {
    lines: VecDeque<Value>,
    /// How many lines were dropped at the front.
    forgotten: usize,
    ended: bool,
}

impl Lines {
    /// Reads lines of JSON; a line that is none is kept as text.
    pub(crate) fn read(stream: impl Read + Send + 'static, name: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { said: Mutex::default(), news: Condvar::new() });
        let lines = Self { shared: Arc::clone(&shared) };
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                // A pipe that can not be read any more has ended.
                let Ok(line) = line else { break };
                let text = String::from_utf8_lossy(&line);
                shared.push(serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())));
            }
            shared.lock().ended = true;
            shared.news.notify_all();
        })?;
        Ok(lines)
    }

    /// The lines so far.
    pub fn all(&self) -> Vec<Value> {
        self.shared.lock().lines.iter().cloned().collect()
    }

    /// How many lines there have been: where to begin to wait for what comes next.
    pub fn count(&self) -> usize {
        let said = self.shared.lock();
        said.forgotten + said.lines.len()
    }

    /// The first line after the first `from` that `is_it`; `None` if there is none within that time.
    pub fn wait(&self, from: usize, within: Duration, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut seen = from;
        self.shared.wait(within, |said| {
            let fresh = said.lines.iter().skip(seen.saturating_sub(said.forgotten));
            let found = fresh.into_iter().find(|line| is_it(line)).cloned();
            seen = said.forgotten + said.lines.len();
            found.map(Some).or(said.ended.then_some(None))
        })?
    }

    /// At least so many lines; all there are if time is up.
    pub fn at_least(&self, count: usize, within: Duration) -> Vec<Value> {
        self.shared
            .wait(within, |said| (said.ended || said.forgotten + said.lines.len() >= count).then_some(()));
        self.all()
    }

    /// Whether the stream ends within that time.
    pub fn end(&self, within: Duration) -> bool {
        self.shared.wait(within, |said| said.ended.then_some(())).is_some()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Said> {
        // A test that panicked while it held the lock has only read.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: Value) {
        let mut said = self.lock();
        if said.lines.len() == KEPT {
            said.lines.pop_front();
            said.forgotten += 1;
        }
        said.lines.push_back(line);
        drop(said);
        self.news.notify_all();
    }

    fn wait<T>(&self, within: Duration, mut look: impl FnMut(&Said) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut said = self.lock();
        loop {
            if let Some(found) = look(&said) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            said = self.news.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Enough for every line of a test that looks at each, and a few MiB at most.
const KEPT: usize = 20_000;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn is(text: &str) -> impl Fn(&Value) -> bool + '_ {
        move |line| line["message"] == text
    }

    #[test]
    fn a_line_is_waited_for_wherever_it_stands() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let lines = Lines::read(reader, "test").unwrap();
        writeln!(writer, r#"{{"message":"one"}}"#).unwrap();
        writeln!(writer, "no JSON").unwrap();
        assert!(lines.wait(0, Duration::from_secs(5), is("one")).is_some());
        assert_eq!(lines.at_least(2, Duration::from_secs(5))[1], "no JSON");
        assert!(lines.wait(1, Duration::from_millis(1), is("one")).is_none());

        let later = {
            let lines = lines.clone();
            std::thread::spawn(move || lines.wait(0, Duration::from_secs(5), is("two")))
        };
        writeln!(writer, r#"{{"message":"two"}}"#).unwrap();
        assert!(later.join().unwrap().is_some());
    }

    #[test]
    fn the_end_of_the_stream_ends_the_waiting() {
        let (reader, writer) = std::io::pipe().unwrap();
        let lines = Lines::read(reader, "test").unwrap();
        assert!(!lines.end(Duration::from_millis(1)));
        drop(writer);
        assert!(lines.end(Duration::from_secs(5)));
        assert!(lines.wait(0, Duration::from_secs(3600), is("never")).is_none());
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let many = "{}\n".repeat(KEPT + 5);
        let lines = Lines::read(std::io::Cursor::new(many), "test").unwrap();
        assert!(lines.end(Duration::from_secs(20)));
        assert_eq!((lines.all().len(), lines.count()), (KEPT, KEPT + 5));
    }
}
