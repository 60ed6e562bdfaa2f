//! Log lines on their way out: a bounded queue, and a thread that writes.
//!
//! A worker never waits for it: where the queue is full, the line is dropped
//! and counted. The thread sleeps while there is no traffic; while there is,
//! it looks every few milliseconds, so that workers pay for no wake-up and one
//! write carries many lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::limits::{LOG_FLUSH_TIMEOUT, LOG_LINES_MAX, LOG_PAUSE};

/// Where lines are left to be written.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    queue: Option<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// The file may have been moved away: open it anew.
    Reopen,
    /// Nothing that comes after this is written.
    End,
}

/// The thread that writes.
pub(crate) struct Writer {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    /// Lines that nobody wants.
    pub(crate) fn to_nowhere() -> (Self, Writer) {
        let lines = Self { queue: None, dropped: Arc::default() };
        (lines.clone(), Writer { lines, thread: None })
    }

    /// # Errors
    ///
    /// Where no thread can be started.
    pub(crate) fn to_stdout() -> io::Result<(Self, Writer)> {
        Self::to(Box::new(io::stdout()))
    }

    /// # Errors
    ///
    /// Where no thread can be started.
    pub(crate) fn to_stderr() -> io::Result<(Self, Writer)> {
        Self::to(Box::new(io::stderr()))
    }

    /// # Errors
    ///
    /// Where the file can not be opened, or no thread be started.
    pub(crate) fn to_file(path: &Path) -> io::Result<(Self, Writer)> {
        Self::to(Box::new(LogFile::open(path)?))
    }

    fn to(sink: Box<dyn Sink>) -> io::Result<(Self, Writer)> {
        let (queue, messages) = sync_channel(LOG_LINES_MAX);
        let thread = std::thread::Builder::new().name("log".to_owned());
        let thread = thread.spawn(move || write_all(&messages, sink))?;
        let lines = Self { queue: Some(queue), dropped: Arc::default() };
        Ok((lines.clone(), Writer { lines, thread: Some(thread) }))
    }

    /// Whether anybody reads the lines: if not, they need not be made.
    pub(crate) fn are_read(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a line, or drops it where the queue is full. Never waits.
    pub(crate) fn write(&self, line: Vec<u8>) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Line(line))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For those who rotate logs: the file of that name is opened anew.
    pub(crate) fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // A full queue has lines in it that belong in the old file; its next signal will do.
            let _ = queue.try_send(Message::Reopen);
        }
    }

    /// How many lines were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Writer {
    /// Waits until everything queued is written, but not for a reader that has stopped reading.
    pub(crate) fn finish(self) {
        let (Some(queue), Some(thread)) = (self.lines.queue, self.thread) else { return };
        let deadline = Instant::now() + LOG_FLUSH_TIMEOUT;
        let mut asked = false;
        while !thread.is_finished() && Instant::now() < deadline {
            asked = asked || queue.try_send(Message::End).is_ok();
            std::thread::park_timeout(LOG_PAUSE);
        }
    }
}

/// What lines are written to.
trait Sink: Write + Send {
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for io::Stdout {}
impl Sink for io::Stderr {}

struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for LogFile {
    fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

fn write_all(messages: &Receiver<Message>, mut sink: Box<dyn Sink>) {
    let mut batch = Vec::with_capacity(BATCH);
    // Sleeps here while there is no traffic.
    while let Ok(first) = messages.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Reopen => reopen(&mut batch, &mut *sink),
                Message::End => return write_out(&mut batch, &mut *sink),
            }
            next = messages.try_recv().ok();
            if next.is_none() || batch.len() >= BATCH {
                write_out(&mut batch, &mut *sink);
            }
            if next.is_none() {
                std::thread::park_timeout(LOG_PAUSE);
                next = messages.try_recv().ok();
            }
        }
    }
}

fn reopen(batch: &mut Vec<u8>, sink: &mut dyn Sink) {
    write_out(batch, sink);
    if let Err(error) = sink.reopen() {
        tracing::warn!(%error, "the access log could not be opened anew; the old file is used on");
    }
}

fn write_out(batch: &mut Vec<u8>, sink: &mut dyn Sink) {
    // A full disk or a closed pipe is no reason to stop serving.
    let _ = sink.write_all(batch).and_then(|()| sink.flush());
    batch.clear();
}

/// Some hundred lines: what one write may carry.
const BATCH: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper {
        text: Arc<Mutex<String>>,
        stuck: Arc<Mutex<()>>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            drop(self.stuck.lock().unwrap());
            self.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Paper {}

    #[test]
    fn lines_are_written_in_order() {
        let paper = Paper::default();
        let (lines, writer) = Lines::to(Box::new(paper.clone())).unwrap();
        for n in 0..100 {
            lines.write(format!("{n}\n").into_bytes());
        }
        writer.finish();
        let expected: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(*paper.text.lock().unwrap(), expected);
        lines.write(b"too late\n".to_vec());
        assert_eq!(lines.dropped(), 1);
    }

    #[test]
    fn a_reader_that_stops_costs_lines_and_nobody_waits() {
        let paper = Paper::default();
        let stuck = paper.stuck.clone();
        let held = stuck.lock().unwrap();
        let (lines, writer) = Lines::to(Box::new(paper.clone())).unwrap();
        let sent = 2 * LOG_LINES_MAX as u64 + BATCH as u64;
        for _ in 0..sent {
            lines.write(b"x\n".to_vec());
        }
        let dropped = lines.dropped();
        assert!(dropped > 0);
        drop(held);
        writer.finish();
        assert_eq!(paper.text.lock().unwrap().len() as u64, 2 * (sent - dropped));
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let (lines, writer) = Lines::to_file(&path).unwrap();
        lines.write(b"old\n".to_vec());
        while std::fs::read(&path).unwrap().is_empty() {
            std::thread::yield_now();
        }
        std::fs::rename(&path, &moved).unwrap();
        lines.reopen();
        lines.write(b"new\n".to_vec());
        writer.finish();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "old\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
    }
}
